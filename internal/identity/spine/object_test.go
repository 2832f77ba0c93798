package spine

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// valuesOf gives name=value lines, with attributes but the name's.
func valuesOf(o object) string {
	var b strings.Builder
	for _, p := range o {
		fmt.Fprintf(&b, "%s=%s", p.name, p.value)
		for _, a := range []string{"id", "orgcode", "encoding"} {
			if v, ok := p.attrs[a]; ok {
				fmt.Fprintf(&b, " %s:%s", a, v)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestObjects(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":                  {`<gpOBJECT><gpPARAM name="a">1</gpPARAM><gpPARAM name="b">2</gpPARAM></gpOBJECT>`, "a=1\nb=2\n"},
		"bare ampersand":         {`<gpPARAM name="a">A & B &amp; C&D;&#65;&#x42;&#0;&</gpPARAM>`, "a=A & B & C&D;AB&#0;&\n"},
		"bare brackets":          {`<gpPARAM name="a">1 < 2 <SONS> </b></gpPARAM>`, "a=1 < 2 <SONS> </b>\n"},
		"quotes":                 {`<gpPARAM name="r" id="1" orgcode="X">A "B", "C":"D":"E"</gpPARAM>`, "r=A \"B\", \"C\":\"D\":\"E\" id:1 orgcode:X\n"},
		"other quotes and order": {"<gppARAM\n orgcode = 'X'\tID=\"1\" name='r' >v</GPPARAM >", "r=v id:1 orgcode:X\n"},
		"comments and doctype":   {`<!DOCTYPE a [<!ENTITY e "<gpPARAM name='x'>x</gpPARAM>">]><!-- <gpPARAM name="y">y</gpPARAM> --><gpPARAM name="a">&e;</gpPARAM>`, "a=&e;\n"},
		"CDATA":                  {`<gpPARAM name="a">1<![CDATA[&amp;<x>]]>2</gpPARAM>`, "a=1&amp;<x>2\n"},
		"empty ones":             {`<gpPARAM name="a"/><gpPARAM name="b"></gpPARAM><gpPARAM name="c" />`, "a=\nb=\nc=\n"},
		"no closing tags":        {`<gpOBJECT><gpPARAM name="a">1<gpPARAM name="b">2</gpOBJECT>`, "a=1\nb=2\n"},
		"cut off":                {`<gpPARAM name="a">1</gpPARAM><gpPARAM name="b">2`, "a=1\nb=2\n"},
		"cut off in a tag":       {`<gpPARAM name="a">1</gpPARAM><gpPARAM name="b`, "a=1\n"},
		"a quote left open":      {`<gpPARAM name="a>1</gpPARAM><gpPARAM name="b">2</gpPARAM>`, "b=2\n"},
		"no name":                {`<gpPARAM>1</gpPARAM><gpPARAM name="b">2</gpPARAM>`, "b=2\n"},
		"another element":        {`<gpPARAMETER name="a">1</gpPARAMETER><gpPARAM name="b">2</gpPARAM>`, "b=2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseObject([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, valuesOf(o)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for text, says := range map[string]string{
		"": "no gpOBJECT", "x": "no gpOBJECT", "<gpOBJECT/>": "no gpOBJECT",
		"<HTML><head><title>Please\nsign in</title>":                 `an HTML page ("Please sign in")`,
		strings.Repeat(`<gpPARAM name="a">1</gpPARAM>`, maxParams+1): "more than 2000",
	} {
		if _, err := parseObject([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// TestObjectsAsXML compares with Go's own reader what is XML.
func TestObjectsAsXML(t *testing.T) {
	text := rapid.StringMatching(`[ -~£é\n]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		b.WriteString("<?xml version=\"1.0\"?><!DOCTYPE USER SYSTEM \"https://gas.example.test/login/dtd\"><gpOBJECT>")
		for range rapid.IntRange(1, 8).Draw(t, "fields") {
			b.WriteString(`<gpPARAM name="` + rapid.StringMatching(`[a-z_0-9]{1,8}`).Draw(t, "name") + `" orgcode="`)
			_ = xml.EscapeText(&b, []byte(rapid.StringMatching(`[ -~]{0,6}`).Draw(t, "orgcode")))
			b.WriteString(`">`)
			_ = xml.EscapeText(&b, []byte(text.Draw(t, "value")))
			b.WriteString("</gpPARAM>\n")
		}
		b.WriteString("</gpOBJECT>")
		var want struct {
			Params []struct {
				Name    string `xml:"name,attr"`
				OrgCode string `xml:"orgcode,attr"`
				Value   string `xml:",chardata"`
			} `xml:"gpPARAM"`
		}
		if err := xml.Unmarshal(b.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		got, err := parseObject(b.Bytes())
		if err != nil || len(got) != len(want.Params) {
			t.Fatalf("%d fields of %d, %v", len(got), len(want.Params), err)
		}
		for i, w := range want.Params {
			if got[i].name != w.Name || got[i].attrs["orgcode"] != plain(w.OrgCode) || string(got[i].value) != strings.TrimSpace(w.Value) {
				t.Errorf("got %q %q, want %+v", got[i].attrs, got[i].value, w)
			}
		}
	})
}

func TestBytesOfOtherEncodings(t *testing.T) {
	for in, want := range map[string]string{
		"CAF\xc9 \xd4\x92R":                "CAFÉ Ô’R",
		"CAFÉ Ô’R":                         "CAFÉ Ô’R",
		"<a>CAF\xc9</a><b>CAFÉ \u0142</b>": "<a>CAFÉ</a><b>CAFÉ \u0142</b>",
		"<a>\xd4\x92 \xe9</a>":             "<a>Ô’ é</a>",
		"\ufeff<gpOBJECT>":                 "<gpOBJECT>",
		"\x81\x8d":                         "\ufffd\ufffd",
		"a\x00b":                           "a\x00b",
	} {
		if got := string(utf8Text([]byte(in))); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
	if got := plain("A\x00B\u202eC\x1b[2J\tD\u00a0E\u0081"); got != "ABC[2J D E" {
		t.Errorf("plain: %q", got)
	}
}

// TestNothingIsSlow has the worst answers that fit into the bound.
func TestNothingIsSlow(t *testing.T) {
	for _, piece := range []string{
		"<", "<gpPARAM", "<gpPARAM name=\"", `<gpPARAM name="a">`, `<gpPARAM name="a">x`, "<!--", "<![CDATA[", "<!DOCTYPE [", "&", "&#x10ffff", "</gpPARAM", "<gpPARAM a=",
		"<a>", "a<!---->", "<a b='", "<Response><Status>", "<Response><Assertion><AttributeStatement><Attribute><AttributeValue>", "\xff<",
	} {
		text := []byte(strings.Repeat(piece, maxBody/4/len(piece)))
		began := processorTime(t)
		text = utf8Text(text)
		_, _ = parseObject(text)
		_, _ = parseAssertion(text)
		_ = readStatus(text)
		if d := processorTime(t) - began; d > 2*time.Second {
			t.Errorf("a quarter of a MiB of %q takes %v", piece, d)
		}
	}
}

// processorTime is what this process has used: other processes don't disturb it.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`<!DOCTYPE USER SYSTEM "x"><gpOBJECT><gpPARAM name="nhsjobrole0" id="1" orgcode="A">A & "B", "C":"D":"E"</gpPARAM><gpPARAM name="sso_ticket">a=#</gpPARAM></gpOBJECT>`))
	f.Add([]byte(`<gpPARAM name='a'><![CDATA[x]]>&#65;&amp;<gpPARAM name="b"/><!-- x --><html><title>t</title>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		text := utf8Text(body)
		if !utf8.Valid(text) {
			t.Fatalf("%q isn't UTF-8", text)
		}
		fields, err := parseObject(text)
		if err != nil {
			return
		}
		size := 0
		for _, p := range fields {
			size += len(p.value)
			if p.name == "" {
				t.Error("a field without a name")
			}
		}
		if size > len(text) {
			t.Errorf("%d bytes of values from %d bytes", size, len(text))
		}
		base, _ := baseURL("https://gas.example.test")
		login, fail := readLogin(fields, base)
		if fail == nil && (!isTicket(login.Ticket.Reveal()) || login.SessionTime < 0 || login.MaxSessionTime < 0) {
			t.Errorf("login %+v", login)
		}
		_ = readStatus(text)
	})
}
