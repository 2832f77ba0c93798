package signature

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/renameio/v2"
	"github.com/hiddeco/sshsig"

	"nhos.org/nhos/internal/ui"
)

// Sign signs the manifest of a folder and returns the name of the signature, which lies beside it then. It refuses if a
// file isn't what the manifest says: nobody signs what isn't there.
func Sign(dir string, key *PrivateKey) (name string, err error) {
	text, sums, err := readSums(dir)
	if err != nil {
		return "", ui.Hint(err, "nhos build makes the medium and its manifest")
	}
	for _, s := range sums {
		state, err := s.check(dir)
		if err != nil {
			return "", err
		}
		if state != Good {
			return "", ui.Hint(fmt.Errorf("%s is %s: nothing was signed", s.Name, state), "nhos build makes it anew")
		}
	}
	var signed []byte
	if key.pgp != nil {
		name = OpenPGPFile
		var b bytes.Buffer
		err = openpgp.ArmoredDetachSign(&b, key.pgp, bytes.NewReader(text), nil)
		signed = append(bytes.TrimSpace(b.Bytes()), '\n')
	} else {
		name = OpenSSHFile
		var s *sshsig.Signature
		if s, err = sshsig.Sign(bytes.NewReader(text), key.ssh, sshsig.HashSHA512, namespace); err == nil {
			signed = sshsig.Armor(s)
		}
	}
	if err != nil {
		return "", fmt.Errorf("signing %s: %w", SumsFile, err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, name), signed, 0o644); err != nil {
		return "", fmt.Errorf("writing the signature: %w", err)
	}
	return name, nil
}

// programs says how others verify the signature of that name.
func programs(name string) string {
	if strings.HasSuffix(name, ".asc") {
		return "gpg --verify " + OpenPGPFile + " " + SumsFile
	}
	return "ssh-keygen -Y verify -n " + namespace + " -s " + OpenSSHFile
}
