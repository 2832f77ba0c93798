package spine

import (
	"crypto"
	_ "embed" // environments.yaml
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
	"nhos.org/nhos/internal/yamlfile"
)

//go:embed environments.yaml
var builtin []byte

// ProxyFromEnvironment as an environment's proxy takes the one that HTTPS_PROXY and NO_PROXY name.
const ProxyFromEnvironment = "environment"

// Environment is one Spine that people sign in to. There is no way to turn the verification of TLS off.
type Environment struct {
	Name  string `yaml:"-" json:"name"`      // live, training, …
	Title string `yaml:"title" json:"title"` // for people

	Login      string `yaml:"login" json:"login"`           // https://HOST[:PORT] that logins go to
	Assertions string `yaml:"assertions" json:"assertions"` // https://HOST[:PORT] that gives assertions; Login's where empty
	Training   bool   `yaml:"training" json:"training"`     // sessions are marked as training (ssbMode 1)

	CAFile string `yaml:"ca_file" json:"caFile,omitempty"` // PEM of the only CAs that are trusted; the system's where empty
	Proxy  string `yaml:"proxy" json:"proxy,omitempty"`    // http://HOST:PORT, ProxyFromEnvironment, or empty for none
	Digest string `yaml:"digest" json:"digest"`            // what is signed: sha1 (where empty) or sha256
}

// Hash is the digest that signatures for this environment are over.
func (e Environment) Hash() crypto.Hash {
	if e.Digest == "sha256" {
		return crypto.SHA256
	}
	return crypto.SHA1
}

// environmentKeys are what an environment has, for suggestions.
var environmentKeys = []string{"environments", "title", "login", "assertions", "training", "ca_file", "proxy", "digest"}

// Environments are the Spine's own, by name.
func Environments() map[string]Environment {
	all, err := parseEnvironments("environments.yaml", builtin)
	if err != nil {
		panic(err) // it is a part of this program, and a test reads it
	}
	return all
}

// LoadEnvironments reads an organisation's own environments from a file and returns them beside the Spine's own. An
// environment of the same name replaces the Spine's. What is wrong in the file is told with its line, all of it at once.
// A ca_file is relative to the folder of the file.
func LoadEnvironments(file string) (map[string]Environment, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening environments: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading environments: %w", err)
	}
	own, err := parseEnvironments(file, text)
	if err != nil {
		return nil, err
	}
	all := Environments()
	maps.Copy(all, own)
	return all, nil
}

// FindEnvironment is the environment of a name, or an error that names those that there are.
func FindEnvironment(all map[string]Environment, name string) (Environment, error) {
	if e, ok := all[name]; ok {
		return e, nil
	}
	names := slices.Collect(maps.Keys(all))
	return Environment{}, ui.Hint(fmt.Errorf("unknown environment %q", name), yamlfile.Suggest(name, "environments", names))
}

var environmentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

func parseEnvironments(file string, text []byte) (map[string]Environment, error) {
	report := yamlfile.NewReport("docs/identity-spine.md")
	body := report.Parse(file, text)
	if body == nil {
		return nil, report.Err()
	}
	var content struct {
		Environments map[string]Environment `yaml:"environments"`
	}
	if !report.Decode(file, body, &content, environmentKeys) {
		return nil, report.Err()
	}
	at := yamlfile.Origin{File: file}
	if len(content.Environments) == 0 {
		report.Add(at, report.Page+" has the keys", "it names no environment")
	}
	all := map[string]Environment{}
	for _, name := range slices.Sorted(maps.Keys(content.Environments)) {
		e := content.Environments[name]
		e.Name = name
		if e.CAFile != "" && !filepath.IsAbs(e.CAFile) {
			e.CAFile = filepath.Join(filepath.Dir(file), e.CAFile)
		}
		for _, p := range e.problems() {
			report.Add(at, p.hint, "environment %s: %s", yamlfile.Quote(name), p.message)
		}
		all[name] = e
	}
	return all, report.Err()
}

type problem struct{ message, hint string }

// problems are what is wrong with an environment.
func (e Environment) problems() []problem {
	var all []problem
	add := func(hint, format string, args ...any) {
		all = append(all, problem{fmt.Sprintf(format, args...), hint})
	}
	if !environmentName.MatchString(e.Name) {
		add("names are of a to z, 0 to 9 and -", "this is no name")
	}
	if e.Login == "" {
		add("login: https://HOST", "it has no login")
	}
	for key, value := range map[string]string{"login": e.Login, "assertions": e.Assertions} {
		if value == "" {
			continue
		}
		if _, err := baseURL(value); err != nil {
			add("write it as https://HOST or https://HOST:PORT", "%s: %v", key, err)
		}
	}
	if _, err := proxyURL(e.Proxy); err != nil {
		add("write it as http://HOST:PORT, or as "+ProxyFromEnvironment, "proxy: %v", err)
	}
	if e.Digest != "" && e.Digest != "sha1" && e.Digest != "sha256" {
		add("digests are sha1, sha256", "unknown digest %s", yamlfile.Quote(e.Digest))
	}
	return all
}

// baseURL reads https://HOST[:PORT]. A path at its end is no part of it but "/".
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s is no URL", yamlfile.Quote(text))
	case u.Scheme != "https":
		return nil, fmt.Errorf("%s isn't https", yamlfile.Quote(text))
	case u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s is more or less than a host", yamlfile.Quote(text))
	}
	return &url.URL{Scheme: "https", Host: u.Host}, nil
}

// proxyURL reads http://HOST:PORT; nil for no proxy and for the environment's.
func proxyURL(text string) (*url.URL, error) {
	if text == "" || text == ProxyFromEnvironment {
		return nil, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL") // and isn't shown: it may have a password in it all the same
	case u.User != nil:
		return nil, errors.New("a name or password of a proxy isn't taken from a file")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() == "":
		return nil, errors.New("it has no scheme, host or port")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it is more than a host")
	}
	return u, nil
}

// sameServer gives text if it is a https URL of base's host and port, else "".
func sameServer(base *url.URL, text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || hostPort(u) != hostPort(base) {
		return ""
	}
	u.Fragment = ""
	return u.String()
}

// hostPort is a https URL's host, in lower case, with its port.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}
