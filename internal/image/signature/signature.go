// Package signature signs what was built, and tells whether what one has is what was signed.
//
// The manifest is SHA256SUMS, which lies beside every medium and lists the digests of all files there. It alone is
// signed: [Sign] holds the files against it and then writes a signature of its bytes beside it. [Verify] needs the
// folder and the organisation's public key, no network and no build machine.
//
// Both forms of signature are those of well-known programs, so that nobody needs ours to verify:
//
//	SHA256SUMS.sig   OpenSSH's, by an ed25519 key:   ssh-keygen -Y verify -n file -s SHA256SUMS.sig …
//	SHA256SUMS.asc   OpenPGP's, detached, armoured:  gpg --verify SHA256SUMS.asc SHA256SUMS
package signature

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// The names of the manifest and of its signatures.
const (
	SumsFile    = "SHA256SUMS"
	OpenSSHFile = "SHA256SUMS.sig"
	OpenPGPFile = "SHA256SUMS.asc"
)

// Files are the names that a signature may have.
var Files = []string{OpenSSHFile, OpenPGPFile}

// namespace is what OpenSSH calls the purpose of a signature; "file" is that of files.
const namespace = "file"

// A Sum is one line of a manifest.
type Sum struct {
	SHA256 string
	Name   string // of a file in the same folder
}

// maxFile bounds what is read of a manifest, a key or a signature.
const maxFile = 1 << 20

// ParseSums reads a manifest in sha256sum's format. A name is that of a file in the same folder, never a path.
func ParseSums(text []byte) ([]Sum, error) {
	var sums []Sum
	seen := map[string]bool{}
	scan := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		sum, name, ok := strings.Cut(scan.Text(), "  ")
		raw, err := hex.DecodeString(sum)
		unfit := strings.ContainsFunc(name, func(c rune) bool { return c == '/' || c == unicode.ReplacementChar || !unicode.IsPrint(c) })
		switch {
		case !ok || err != nil || len(raw) != sha256.Size:
			return nil, fmt.Errorf("line %d is not a SHA-256, two blanks and a name", n)
		case unfit || name == "" || name == "." || name == "..":
			return nil, fmt.Errorf("line %d: %q is not the name of a file in the same folder", n, name)
		case seen[name]:
			return nil, fmt.Errorf("line %d: %q stands there twice", n, name)
		}
		seen[name] = true
		sums = append(sums, Sum{strings.ToLower(sum), name})
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	if len(sums) == 0 {
		return nil, errors.New("it is empty")
	}
	return sums, nil
}

// readSmall reads a file of at most maxFile bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return text, err
}

// readSums reads the manifest of a folder.
func readSums(dir string) (text []byte, sums []Sum, err error) {
	text, err = readSmall(filepath.Join(dir, SumsFile))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the manifest: %w", err)
	}
	sums, err = ParseSums(text)
	if err != nil {
		err = fmt.Errorf("reading %s: %w", filepath.Join(dir, SumsFile), err)
	}
	return text, sums, err
}

// A State is what became of a file.
type State string

// The states.
const (
	Good    State = "good"
	Altered State = "altered"
	Missing State = "missing"
)

// A Verdict is the state of one file.
type Verdict struct {
	File   string `json:"file"`
	SHA256 string `json:"-"` // that it is to have
	State  State  `json:"state"`
}

// Check holds every file of a folder against its manifest, whoever signed it or nobody. A folder without a manifest gives
// an error that is os.ErrNotExist.
func Check(dir string) ([]Verdict, error) {
	_, sums, err := readSums(dir)
	if err != nil {
		return nil, err
	}
	var all []Verdict
	for _, s := range sums {
		state, err := s.check(dir)
		if err != nil {
			return all, err
		}
		all = append(all, Verdict{s.Name, s.SHA256, state})
	}
	return all, nil
}

// check reads a file of the manifest.
func (s Sum) check(dir string) (State, error) {
	f, err := os.Open(filepath.Join(dir, s.Name))
	if errors.Is(err, os.ErrNotExist) {
		return Missing, nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", s.Name, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", s.Name, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != s.SHA256 {
		return Altered, nil
	}
	return Good, nil
}
