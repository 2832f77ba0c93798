package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"golang.org/x/crypto/ssh"
)

// A plant is a file with a secret. Tokens are put together when the test runs, so that nobody's scanner finds them here.
type plant struct {
	name, path string
	text       []byte
	kind       Kind
	line       int
	secret     string // that must not be in what is said of it
}

func scan(t testing.TB, path string, text []byte) []Finding {
	t.Helper()
	found, err := NewScanner().File(path, bytes.NewReader(text), true)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFinds(t *testing.T) {
	for _, p := range append(plantedKeys(t), plantedText()...) {
		t.Run(p.name, func(t *testing.T) {
			found := scan(t, p.path, p.text)
			if len(found) != 1 || found[0].Kind != p.kind || found[0].Line != p.line {
				t.Fatalf("found %v; want one %s on line %d", found, p.kind, p.line)
			}
			if p.secret != "" && strings.Contains(found[0].String(), p.secret[:min(len(p.secret), 8)]) {
				t.Errorf("the secret is in what is said of it: %v", found[0])
			}
		})
	}
}

func plantedKeys(t *testing.T) []plant {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(edKey)
	must(err)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	must(err)
	armoured := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	openSSH, err := ssh.MarshalPrivateKey(edKey, "")
	must(err)
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(edKey, "", []byte("passphrase"))
	must(err)
	legacy := &pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,0123456789ABCDEF"}, Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}

	entity, err := openpgp.NewEntity("Nobody", "", "nobody@example.org", nil)
	must(err)
	var ring, block bytes.Buffer
	must(entity.SerializePrivate(&ring, nil))
	w, err := armor.Encode(&block, openpgp.PrivateKeyType, nil)
	must(err)
	must(entity.SerializePrivate(w, nil))
	must(w.Close())

	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key.pem")
	must(os.WriteFile(keyFile, armoured("PRIVATE KEY", pkcs8), 0o600))
	openssl := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl: %v\n%s", err, out)
		}
	}
	openssl("req", "-new", "-x509", "-key", keyFile, "-subj", "/CN=test", "-out", filepath.Join(dir, "cert.pem"))
	openssl("pkcs12", "-export", "-inkey", keyFile, "-in", filepath.Join(dir, "cert.pem"), "-passout", "pass:x", "-out", filepath.Join(dir, "store.p12"))
	p12, err := os.ReadFile(filepath.Join(dir, "store.p12"))
	must(err)

	inJSON := []byte(`{"type": "service_account",` + "\n" + ` "private_key": "` + strings.ReplaceAll(string(armoured("PRIVATE KEY", pkcs8)), "\n", `\n`) + `"}`)
	const file = "/usr/share/somewhere/file"
	return []plant{
		{"PKCS#1", file, armoured("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), PrivateKey, 1, ""},
		{"PKCS#8", file, append([]byte("# the key\n"), armoured("PRIVATE KEY", pkcs8)...), PrivateKey, 2, ""},
		{"PKCS#8, locked", file, armoured("ENCRYPTED PRIVATE KEY", pkcs8), PrivateKey, 1, ""},
		{"SEC 1", file, armoured("EC PRIVATE KEY", sec1), PrivateKey, 1, ""},
		{"OpenSSL's old locked form", file, pem.EncodeToMemory(legacy), PrivateKey, 1, ""},
		{"OpenSSH", file, pem.EncodeToMemory(openSSH), PrivateKey, 1, ""},
		{"OpenSSH, locked", file, pem.EncodeToMemory(locked), PrivateKey, 1, ""},
		{"OpenSSH, Windows's line ends", file, bytes.ReplaceAll(pem.EncodeToMemory(openSSH), []byte("\n"), []byte("\r\n")), PrivateKey, 1, ""},
		{"indented in YAML", file, []byte("key: |\n  " + strings.ReplaceAll(string(armoured("PRIVATE KEY", pkcs8)), "\n", "\n  ")), PrivateKey, 2, ""},
		{"in JSON", "/etc/account.json", inJSON, PrivateKey, 2, ""},
		{"in a program", file, append([]byte("\x7fELF\x00\x00"), armoured("PRIVATE KEY", pkcs8)...), PrivateKey, 0, ""},
		{"OpenPGP, armoured", file, block.Bytes(), PrivateKey, 1, ""},
		{"OpenPGP", file, ring.Bytes(), PrivateKey, 0, ""},
		{"GnuPG's key file", file, []byte("(21:protected-private-key(3:rsa(1:n257:"), PrivateKey, 0, ""},
		{"GnuPG's new key file", file, []byte("Created: 20260101T000000\nKey: (private-key (ecc (curve Ed25519)"), PrivateKey, 0, ""},
		{"PuTTY", file, []byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), PrivateKey, 1, ""},
		{"PKCS#8 in DER", file, pkcs8, PrivateKey, 0, ""},
		{"PKCS#1 in DER", file, x509.MarshalPKCS1PrivateKey(rsaKey), PrivateKey, 0, ""},
		{"SEC 1 in DER", file, sec1, PrivateKey, 0, ""},
		{"PKCS#12", file, p12, KeyStore, 0, ""},
		{"a key store of Java's", file, javaStore(1), KeyStore, 0, ""},
		{"a keytab", "/etc/krb5.keytab", []byte("\x05\x02\x00\x00\x00\x3c"), KeyStore, 0, ""},
	}
}

// javaStore is a key store of one entry: 1 is a private key, 2 a certificate.
func javaStore(tag byte) []byte {
	b := []byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, tag, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}
	return append(b, "X.509\x00\x00\x00\x02ab"...)
}

// noise is so many characters of variety that look like a token.
func noise(n int) string {
	const letters = "q7Zp2LmXv9Rt4KcWb8Ns5HdYg3Jf6TzQaPlOwKe1iUxMyVr0"
	return strings.Repeat(letters, n/len(letters)+1)[:n]
}

func plantedText() []plant {
	upper := strings.ToUpper(strings.NewReplacer("0", "A", "1", "B", "8", "C", "9", "D").Replace(noise(16)))
	jwt := "eyJh" + noise(20) + "." + "eyJ" + noise(40) + "." + noise(43)
	crypt := "$6$" + noise(12) + "$" + noise(86)
	yescrypt := "$y$j9T$" + noise(22) + "$" + noise(43)
	p := func(name, path string, kind Kind, before, secret, after string) plant {
		text := "\n" + before + secret + after + "\n"
		return plant{name, path, []byte(text), kind, 1 + strings.Count("\n"+before, "\n"), secret}
	}
	const any, setting = "/usr/share/somewhere/file", "/etc/some/settings"
	all := []plant{
		p("AWS", any, Token, "id = ", "AKIA"+upper, ""),
		p("GitHub", any, Token, "", "gh"+"p_"+noise(36), ""),
		p("GitHub, fine-grained", any, Token, "token ", "github_"+"pat_"+noise(82), ""),
		p("GitLab", any, Token, "", "gl"+"pat-"+noise(20), ""),
		p("Slack", any, Token, "", "xo"+"xb-123456789012-"+noise(24), ""),
		p("Slack's webhook", any, Token, "https://", "hooks.slack."+"com/services/T0AB1CD2E/B0AB1CD2E/"+noise(24), ""),
		p("Google", any, Token, "", "AI"+"za"+noise(35), ""),
		p("Google's client", any, Token, "", "GOC"+"SPX-"+noise(28), ""),
		p("Azure", any, Token, "AccountName=x;", "Account"+"Key="+noise(86)+"==", ";"),
		p("npm", any, Token, "", "np"+"m_"+noise(36), ""),
		p("PyPI", any, Token, "", "pypi-"+"AgE"+noise(60), ""),
		p("Docker", any, Token, "", "dckr_"+"pat_"+noise(27), ""),
		p("Stripe", any, Token, "", "sk_"+"live_"+noise(24), ""),
		p("a web token", any, Token, "Authorization: Bearer ", jwt, ""),
		p("age", any, PrivateKey, "", "AGE-SECRET-"+"KEY-1"+strings.ToUpper(noise(58)), ""),

		p("INI", setting, Password, "user = ward\npassword = ", "Sommer2026", ""),
		p("shell", setting, Password, "export DB_PASSWORD='", "k0mpl!ziert", "'"),
		p("YAML", setting, Password, "db:\n  password: ", "h3rbst-wald", ""),
		p("JSON", setting, Password, `{"client_secret": "`, "a8Kd0qP2zX", `", "x": 1}`),
		p("XML", setting, Password, "<smtp><password>", "W1nter-Wald", "</password></smtp>"),
		p("an API key", setting, Password, "api_key=", noise(32), ""),
		p("AWS's secret", setting, Password, "aws_secret_access_key = ", noise(40), ""),
		p("an address", setting, Password, "deb https://ward:", "s3cret-Wald9", "@packages.example.org/debian trixie main"),
		p("a sign-in to a proxy", setting, Password, "http_proxy=http://ward:", "fr0sch7", "@proxy.example.org:3128"),
		p("crypt(5)", setting, PasswordHash, "d-i passwd/root-password-crypted password ", crypt, ""),
		p("yescrypt", setting, PasswordHash, "rootpw: ", yescrypt, ""),
		p("bcrypt", setting, PasswordHash, "admin:", "$2y$10$"+noise(53), ""),
		p("GRUB", setting, PasswordHash, "password_pbkdf2 root ", "grub.pbkdf2.sha512.10000."+strings.Repeat("0123456789ABCDEF", 4)+"."+strings.Repeat("FEDCBA9876543210", 4), ""),
		p("npm's settings", "/root/.npmrc", Token, "//registry.example.org/:_authToken=", noise(30), ""),

		p("NetworkManager", "/etc/NetworkManager/system-connections/ward.nmconnection", Password, "[wifi-security]\npsk=", "correcthorse", ""),
		p("NetworkManager, a word that others take for none", "/etc/NetworkManager/system-connections/ward.nmconnection", Password, "[wifi-security]\npsk=", "ward-password", ""),
		p("wpa_supplicant", "/etc/wpa_supplicant/wpa_supplicant.conf", Password, "network={\n\tssid=\"ward\"\n\tpsk=\"", "correcthorse", "\"\n}"),
		p("802.1X", "/etc/NetworkManager/system-connections/lan.nmconnection", Password, "[802-1x]\npassword=", "wald", ""),
		p(".netrc", "/root/.netrc", Password, "machine example.org login ward password ", "wald", ""),
		p(".pgpass", "/root/.pgpass", Password, "db.example.org:5432:*:ward:", "wald", ""),
		p("a container registry", "/root/.docker/config.json", Token, `{"auths": {"r.example.org": {"auth": "`, "d2FyZDp3YWxkd2FsZA==", `"}}}`),
		p("debconf", "/var/cache/debconf/passwords.dat", Password, "Name: x/password\nTemplate: x/password\nValue: ", "wald", ""),
		p("shadow", "/etc/shadow", PasswordHash, "root:", yescrypt, ":20000:0:99999:7:::"),
		p("shadow, locked over a hash", "/etc/shadow", PasswordHash, "root:!", yescrypt, ":20000:0:99999:7:::"),
		p("gshadow", "/etc/gshadow", PasswordHash, "wheel:", crypt, "::"),
		p("passwd", "/etc/passwd", PasswordHash, "root:", crypt, ":0:0:root:/root:/bin/bash"),
	}
	return all
}

// TestQuiet has what looks like a secret and is none.
func TestQuiet(t *testing.T) {
	for name, c := range map[string]struct{ path, text string }{
		"a header without a key":       {"/usr/bin/tool", "strings: -----BEGIN RSA PRIVATE KEY-----\nand nothing"},
		"a key that was made unusable": {"/usr/share/doc/x", "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("x", 64) + "\n"},
		"a certificate":                {"/etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\n" + noise(64) + "\n-----END CERTIFICATE-----\n"},
		"a public key":                 {"/etc/key.pub", "-----BEGIN PUBLIC KEY-----\n" + noise(64) + "\n"},
		"Java's certificates":          {"/etc/ssl/certs/java/cacerts", string(javaStore(2))},
		"locked accounts":              {"/etc/shadow", "root:*:20000::::::\nuser:!:20000:0:99999:7:::\nnone:!*::::::\nempty::20000::::::\n"},
		"shadowed accounts":            {"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"},
		"groups":                       {"/etc/group", "root:x:0:\nsudo:x:27:user\n"},
		"no answers":                   {"/var/cache/debconf/passwords.dat", "Name: x/password\nTemplate: x/password\nValue:\n"},
		"PAM":                          {"/etc/pam.d/common-password", "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"},
		"nsswitch":                     {"/etc/nsswitch.conf", "passwd:         files systemd\nshadow: compat2\n"},
		"a placeholder":                {"/etc/x", "password = changeme1\nsecret=<your-secret>\ntoken: ${TOKEN}\napi_key=xxxxxxxx1\npasswd=$(cat /run/p4ss)\n"},
		"an option":                    {"/etc/x", "password_file = /etc/x.pass1\nsecret: true\npasswordless: yes\nask_password = required\n"},
		"a connection without":         {"/etc/NetworkManager/system-connections/x.nmconnection", "[wifi-security]\npsk-flags=1\npassword=<ask>\npsk=${PSK}\nwep-key0=\n"},
		"a comment":                    {"/etc/x", "# password = Sommer2026\n; secret = a8Kd0qP2zX\n"},
		"a sentence":                   {"/etc/x", "Password: type the one that the ward has, 8 characters\n"},
		"an address without":           {"/etc/x", "url = https://user@example.org/ ssh://git@example.org:22/x https://user:${PASS}@example.org/ https://user:password@example.org/ http://[::1]:80/@x\n"},
		"a documented AWS key":         {"/etc/x", "AKIAIOSFODNN7" + "EXAMPLE\n"},
		"a word that goes on":          {"/etc/x", "XAKIAABCDEFGHIJKLMNOP AKIAshort\n"},
		"code":                         {"/etc/x.py", "password = getpass.getpass()\ntoken = self.token_2\nsecret = os.environ['S3CRET']\n"},
		"what packages say":            {"/var/lib/dpkg/info/x.postinst", "PASSWORD=Sommer2026\n"},
	} {
		if found := scan(t, c.path, []byte(c.text)); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestConfigurationIsWhatTheCallerSays leaves settings alone in what isn't configuration, but not keys and tokens.
func TestConfigurationIsWhatTheCallerSays(t *testing.T) {
	text := "password = Sommer2026\ngh" + "p_" + noise(36) + "\n"
	found, err := NewScanner().File("/usr/share/x", strings.NewReader(text), false)
	if err != nil || len(found) != 1 || found[0].Kind != Token || found[0].Line != 2 {
		t.Errorf("found %v, %v", found, err)
	}
}

// TestFindsWhereverItIs puts a token at the seams of what is read at once.
func TestFindsWhereverItIs(t *testing.T) {
	token := "gh" + "p_" + noise(36)
	for _, seam := range []int{bufferSize, 2*bufferSize - overlap - before} {
		for _, off := range []int{-overlap - before - 1, -overlap, -before, -41, -40, -20, -1, 0, 1} {
			text := bytes.Repeat([]byte("a line of text\n"), (seam+off)/15+1)[:seam+off-1]
			text = append(append(text, '\n'), token...)
			text = append(text, bytes.Repeat([]byte("\nmore"), 5000)...)
			want := bytes.Count(text[:seam+off], []byte{'\n'}) + 1
			if found := scan(t, "/var/log/x", text); len(found) != 1 || found[0].Line != want {
				t.Errorf("at %d%+d: found %v; want line %d", seam, off, found, want)
			}
		}
	}
}

// TestLongOnesAcrossASeam needs more of the next buffer than a short token does.
func TestLongOnesAcrossASeam(t *testing.T) {
	token := "eyJh" + noise(2000) + ".eyJ" + noise(4000) + "." + noise(43)
	for _, off := range []int{-6000, -3000, -60} {
		text := append(append(bytes.Repeat([]byte("a line\n"), bufferSize)[:bufferSize+off-1], '\n'), token...)
		if found := scan(t, "/var/log/x", text); len(found) != 1 {
			t.Errorf("at the seam%+d: found %v", off, found)
		}
	}
}

// TestNoBeginningAtASeam: what goes on from the byte before a seam is no beginning.
func TestNoBeginningAtASeam(t *testing.T) {
	text := bytes.Repeat([]byte("x"), bufferSize+100)
	copy(text[bufferSize-overlap-before:], "AKIAABCDEFGHIJKLMNOP ")
	if found := scan(t, "/x", text); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// TestReadsToTheEnd lets whoever reads along have the whole file, however much is found.
func TestReadsToTheEnd(t *testing.T) {
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "gh"+"p_%s%d\n", noise(32), 1000+i)
	}
	r := strings.NewReader(text.String())
	found, err := NewScanner().File("/x", r, true)
	if err != nil || r.Len() != 0 || len(found) != most {
		t.Errorf("%d bytes were left, %d found, %v", r.Len(), len(found), err)
	}
}

func FuzzFile(f *testing.F) {
	for _, p := range plantedText() {
		f.Add(p.path, p.text)
	}
	f.Add("/x", javaStore(1))
	f.Add("/x", []byte{0x95, 1})
	f.Add("/x", []byte{0x30, 0x84, 1, 2})
	f.Fuzz(func(t *testing.T, path string, text []byte) {
		for _, found := range scan(t, path, text) {
			if found.Line > bytes.Count(text, []byte{'\n'})+1 {
				t.Errorf("%v in a text of fewer lines", found)
			}
		}
	})
}

// FuzzSearch holds the search against the plain one.
func FuzzSearch(f *testing.F) {
	f.Add([]byte("a ghp_ AKIA ASIAghp_-----BEGIN "))
	f.Fuzz(func(t *testing.T, text []byte) {
		type hit struct{ pos, word int }
		got := map[hit]bool{}
		anchors.each(text, func(pos, word int) { got[hit{pos, word}] = true })
		want := 0
		for w, word := range anchors.all {
			for at := 0; at < len(text); at++ {
				if bytes.HasPrefix(text[at:], word) {
					want++
					if !got[hit{at, w}] {
						t.Errorf("%q at %d was not found", word, at)
					}
				}
			}
		}
		if len(got) != want {
			t.Errorf("found %d, there are %d", len(got), want)
		}
	})
}
