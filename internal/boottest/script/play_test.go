package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A fake is a stage of words: it notes what it is told, and its guest's truths are a list.
type fake struct {
	mute    bool
	truths  map[string]Answer // by KIND WHAT
	screens [][]byte          // one a look; the last stays
	once    bool              // the last doesn't
	serial  string
	told    []string

	unpressed    error // comes of every press
	destinations []Destination
}

func (f *fake) tell(format string, args ...any) error {
	f.told = append(f.told, fmt.Sprintf(format, args...))
	return nil
}

func (f *fake) Awake(context.Context) error {
	if f.mute {
		return &Skip{"this guest doesn't answer"}
	}
	return nil
}

func (f *fake) Ask(_ context.Context, q Question) (Answer, error) {
	_ = f.tell("ask %s %s within %v absent %t until %t", q.Kind, q.What, q.Within, q.Absent, q.Until)
	if last := len(f.told) - 1; q.AsUser {
		f.told[last] += " as user"
	} else if q.Program != nil {
		f.told[last] += fmt.Sprint(" ", q.Program)
	}
	a, known := f.truths[strings.TrimSpace(q.Kind+" "+q.What)]
	if !known {
		return Answer{Output: "no such " + q.Kind, Status: 127}, nil
	}
	return a, nil
}

func (f *fake) Screen(context.Context) ([]byte, error) {
	if len(f.screens) == 0 {
		return nil, errors.New("there is no screen")
	}
	now := f.screens[0]
	if len(f.screens) > 1 || f.once {
		f.screens = f.screens[1:]
	}
	return now, nil
}

func (f *fake) Keep(_ context.Context, _ []byte, name string) (string, error) {
	return name + ".png", nil
}

func (f *fake) Serial(ctx context.Context, words string) (string, error) {
	if strings.Contains(f.serial, words) {
		return f.serial, nil
	}
	<-ctx.Done()
	return "", ctx.Err()
}

func (f *fake) Type(_ context.Context, text string) error {
	return f.tell("type %q", text)
}

func (f *fake) Press(_ context.Context, keys []string) error {
	return errors.Join(f.unpressed, f.tell("press %v", keys))
}

func (f *fake) Move(_ context.Context, x, y float64) error {
	return f.tell("move %.2f %.2f", x, y)
}

func (f *fake) Click(_ context.Context, b string, n int) error {
	return f.tell("click %s %d", b, n)
}

func (f *fake) Plug(_ context.Context, d Device) error {
	return f.tell("plug %+v", d)
}

func (f *fake) Unplug(_ context.Context, name string) error {
	return f.tell("unplug %s", name)
}

func (f *fake) Insert(_ context.Context, file string) error {
	return f.tell("insert %q", filepath.Base(file))
}

func (f *fake) Power(_ context.Context, verb string) error {
	return f.tell("%s", verb)
}

func (f *fake) SetNetwork(_ context.Context, n Network, rate int64, delay time.Duration) error {
	return f.tell("network %s %d %v", n, rate, delay)
}

// picture is a screen with a white bar over so many of 100 rows.
func (f *fake) Destinations(context.Context) ([]Destination, error) {
	return f.destinations, nil
}

func picture(t *testing.T, rows int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 100, 100))
	draw.Draw(img, img.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(0, 0, 100, rows), image.NewUniform(color.White), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func player(f *fake) *Player {
	return &Player{Stage: f, Slowdown: 1, pause: time.Millisecond}
}

// do plays one line.
func do(t *testing.T, p *Player, line string) Outcome {
	t.Helper()
	s, err := Line(line, "testdata")
	if err != nil {
		t.Fatal(told(err))
	}
	return p.Do(t.Context(), s)
}

func TestDoTellsTheStage(t *testing.T) {
	for line, want := range map[string]string{
		"wait for unit: a.service":               "ask unit a.service within 2m0s absent false until false",
		"{wait for unit: a.service, within: 7s}": "ask unit a.service within 7s absent false until false",
		"wait for no file: /a":                   "ask file /a within 2m0s absent true until false",
		"wait for port: 22":                      "ask port 22 within 2m0s absent false until false",
		"wait for process: sh":                   "ask process sh within 2m0s absent false until false",
		"wait for command: ls":                   "ask run ls within 2m0s absent false until true",
		"run: ls":                                "ask run ls within 1m0s absent false until false",
		"{run: ls, as: root}":                    "ask run ls within 1m0s absent false until false",
		"{run: ls, as: user}":                    "ask run ls within 1m0s absent false until false as user",
		"{wait for command: ls, as: user}":       "ask run ls within 2m0s absent false until true as user",
		"open: nemo /home":                       "ask open nemo /home within 2m0s absent false until false [nemo /home]",
		"open: [nemo, /a b;c]":                   "ask open nemo /a b;c within 2m0s absent false until false [nemo /a b;c]",
		"wait for boot":                          "ask boot  within 5m0s absent false until false",
		"run checks":                             "ask checks  within 5m0s absent false until false",
		`type: "a\n"`:                            `type "a\n"`,
		"keys: [ctrl-c, ENTER]":                  "press [ctrl c]; press [ret]",
		"move to: [0.5, 1]":                      "move 0.50 1.00",
		"double click: [0, 0.25]":                "move 0.00 0.25; click left 2",
		"right click: [0, 0]":                    "move 0.00 0.00; click right 1",
		"{plug: usb stick, size: 1M}":            "plug {Name:usb-stick Kind:usb stick File: Size:1048576}",
		"{plug: disk, size: 1M}":                 "plug {Name:plugged-disk Kind:disk File: Size:1048576}",
		"unplug: usb-stick":                      "unplug usb-stick",
		"insert: x.img":                          `insert "x.img"`,
		"eject":                                  `insert "."`,
		"network: slow":                          "network slow 65536 300ms",
		"{network: slow, rate: 1K}":              "network slow 1024 0s",
		"network: off":                           "network off 0 0s",
		"restart":                                "restart",
		"power cut":                              "power cut",
		"power on":                               "power on",
		"reset":                                  "reset",
		"power button":                           "power button",
		"power off":                              "power off",
	} {
		f := &fake{truths: map[string]Answer{}}
		for _, truth := range []string{"unit a.service", "file /a", "port 22", "process sh", "run ls", "open nemo /home", "open nemo /a b;c", "boot", "checks"} {
			f.truths[truth] = Answer{Passed: true}
		}
		o := do(t, player(f), line)
		if got := strings.Join(f.told, "; "); got != want || !o.Passed {
			t.Errorf("%s: %s; %+v", line, got, o)
		}
	}
}

func TestDoJudges(t *testing.T) {
	f := &fake{
		serial: "nhos login: ",
		truths: map[string]Answer{
			"unit up.service": {Passed: true, Output: "active"}, "unit down.service": {Output: `the unit is "failed"`},
			"run true": {Passed: true}, "run false": {Status: 1, Output: "no"}, "run date": {Passed: true, Output: "22 Nov"},
			"run sleep": {Status: -1, Output: "not done after 1s"}, "checks": {Output: "1 of 3 failed"},
		},
		screens: [][]byte{picture(t, 50)},
	}
	for _, test := range []struct {
		line   string
		failed string // how the output begins; "" passes
	}{
		{"wait for unit: up.service", ""},
		{"wait for unit: down.service", `the unit is "failed"`},
		{"wait for unit: none.service", "no such unit"},
		{"run: 'true'", ""},
		{"run: 'false'", "exit status 1, not 0\nno"},
		{"{run: 'false', status: 1}", ""},
		{"{run: 'true', status: 1}", "exit status 0, not 1"},
		{"{run: date, expect: Nov}", ""},
		{"{run: date, expect: Dec}", "it doesn't say \"Dec\"\n22 Nov"},
		{"run: sleep", "not done after 1s"},
		{"run checks", "1 of 3 failed"},
		{"wait for serial line: 'login:'", ""},
		{"{wait for serial line: panic, within: 5ms}", "not so after 5ms"},
		{"wait for still screen: 5ms", ""},
		{"{wait for still screen: 1m, within: 30ms}", "not so after 30ms\nit has stood still for"},
		{"{compare: half.png}", ""},
		{"{compare: third.png, within: 5ms}", "not so after 5ms\n20% of the pixels differ; 0% may"},
		{"{compare: third.png, tolerance: 20%}", ""},
		{"{compare: third.png, within: 5ms, tolerance: 19.9%}", "not so after 5ms"},
		{"{compare: third.png, region: [0, 0.6, 1, 0.4]}", ""},
		{"{compare: third.png, region: [0, 0.29, 1, 0.4], within: 5ms}", "not so after 5ms\n48.78"},
		{"{compare: other.png, within: 5ms}", "not so after 5ms\nthe screen has (100,100) pixels, the picture (1280,800)"},
	} {
		o := do(t, player(f), test.line)
		if o.Passed != (test.failed == "") || !strings.HasPrefix(o.Output, test.failed) || test.failed != "" && !o.Failed() {
			t.Errorf("%s: %+v", test.line, o)
		}
	}
	for _, test := range []struct {
		destinations []Destination
		failed, said string
	}{
		{nil, "", "named: none"},
		{[]Destination{{"arp 10.0.2.2", true}, {"dhcp", true}}, "", "named: arp 10.0.2.2, dhcp"},
		{
			[]Destination{{"dns spy.example.org (10.0.2.3:53)", false}, {"tcp 1.2.3.4:5", false}, {"dhcp", true}},
			"the definition doesn't name dns spy.example.org (10.0.2.3:53), tcp 1.2.3.4:5", "named: dhcp",
		},
	} {
		f.destinations = test.destinations
		o := do(t, player(f), "expect only named destinations")
		if o.Passed != (test.failed == "") || o.Output != joined(test.said, test.failed) && !o.Passed || o.Passed && o.Output != test.said {
			t.Errorf("%+v", o)
		}
	}
	if o := do(t, player(f), "listen: 5ms"); !o.Passed {
		t.Errorf("%+v", o)
	}
	if o := do(t, player(f), "screenshot: end"); o.Picture != "end.png" || !o.Passed {
		t.Errorf("%+v", o)
	}
}

func TestDoSkipsWhatAMuteGuestCantBeAsked(t *testing.T) {
	p := player(&fake{mute: true, screens: [][]byte{picture(t, 50)}})
	for _, v := range verbs {
		line := v.name
		switch v.name {
		case "plug":
			line = "{plug: usb stick, size: 1M}"
		case "insert", "compare":
			line += ": half.png"
		case "wait for text", "wait for serial line": // there is none
			continue
		default:
			if v.takes.noun != "" {
				line += ": " + v.takes.example
			}
		}
		o := do(t, p, line)
		if (o.Skipped != "") != v.guest || o.Failed() {
			t.Errorf("%s: %+v", line, o)
		}
	}
}

func TestBlankScreenIsNotStill(t *testing.T) {
	f := &fake{screens: [][]byte{picture(t, 0)}}
	if o := do(t, player(f), "{wait for still screen: 2ms, within: 30ms}"); !o.Failed() || !strings.Contains(o.Output, "blank") {
		t.Errorf("%+v", o)
	}
}

func TestTextOnScreen(t *testing.T) {
	menu, err := os.ReadFile("../screen/testdata/menu.png")
	if err != nil {
		t.Fatal(err)
	}
	console, err := os.ReadFile("../screen/testdata/console.png")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{screens: [][]byte{picture(t, 0), console, console, menu}}
	if o := do(t, player(f), "wait for text: NHoS Trial"); !o.Passed {
		t.Errorf("%+v", o)
	}
	// The keys go on while the screen is read, and no longer.
	f = &fake{screens: [][]byte{console, console, console, menu}}
	if o := do(t, player(f), "{wait for text: NHoS Trial, pressing: [up, ctrl-a]}"); !o.Passed || len(f.told) < 4 {
		t.Errorf("%+v, told %q", o, f.told)
	}
	if before := len(f.told); before%2 != 0 || f.told[before-1] != f.told[1] || f.told[0] == f.told[1] {
		t.Errorf("told %q", f.told)
	}
	f = &fake{screens: [][]byte{menu}, unpressed: errors.New("no keyboard")}
	if o := do(t, player(f), "{wait for text: NHoS Trial, pressing: up}"); !o.Failed() || !strings.Contains(o.Output, "no keyboard") {
		t.Errorf("%+v", o)
	}
	for _, line := range []string{"wait for text: Sign in with your card", "{wait for text: NHoS Trial, region: [0, 0.8, 1, 0.2]}", "click: {text: Sign in}"} {
		o := do(t, player(&fake{screens: [][]byte{menu}, once: true}), line)
		if !o.Failed() || !strings.HasPrefix(o.Output, "there is no screen\nthis is on the screen:\n") || !strings.Contains(o.Output, "highlighted") {
			t.Errorf("%s: %+v", line, o)
		}
	}
	f.told = nil
	if o := do(t, player(f), "click: {text: NHoS Trial}"); !o.Passed {
		t.Errorf("%+v", o)
	}
	if len(f.told) != 2 {
		t.Fatal(f.told)
	}
	var x, y float64
	if n, err := fmt.Sscanf(f.told[0], "move %f %f", &x, &y); n != 2 || err != nil || x > 0.2 || y < 0.1 || y > 0.2 {
		t.Errorf("the pointer went to %v", f.told)
	}
}

// TestPlayStopsAtTheLineThatFails breaks each step of a script in turn, and wants the verdict to name that line.
func TestPlayStopsAtTheLineThatFails(t *testing.T) {
	const whole = `about: A script that passes
steps:
  - wait for unit: up.service
  - run: 'true'
  - wait for file: /there
  - run: date
    expect: Nov
  - wait for serial line: login
    within: 5ms
  - compare: half.png
    within: 5ms
  - wait for port: 22
  - run checks
`
	truths := map[string]Answer{}
	for _, truth := range []string{"unit up.service", "run true", "file /there", "port 22", "checks"} {
		truths[truth] = Answer{Passed: true}
	}
	truths["run date"] = Answer{Passed: true, Output: "22 Nov"}
	play := func(text string, truths map[string]Answer) (lines []int, failed int) {
		s, err := parse("testdata/x.yaml", []byte(text))
		if err != nil {
			t.Fatal(told(err))
		}
		f := &fake{truths: truths, serial: "login: ", screens: [][]byte{picture(t, 50)}}
		ok := player(f).Play(t.Context(), s, func(s Step) { lines = append(lines, s.Line) }, func(o Outcome) {
			if o.Failed() {
				failed = o.Step.Line
			}
		})
		if ok != (failed == 0) {
			t.Errorf("passed is %t with line %d failed", ok, failed)
		}
		return lines, failed
	}
	all, failed := play(whole, truths)
	if diff := cmp.Diff([]int{3, 4, 5, 6, 8, 10, 12, 13}, all); failed != 0 || diff != "" {
		t.Fatalf("line %d failed\n%s", failed, diff)
	}
	for line, change := range map[int][2]string{
		3: {"up.service", "down.service"}, 4: {"'true'", "'false'"}, 5: {"/there", "/elsewhere"}, 6: {"Nov", "Dec"},
		8: {"login", "panic"}, 10: {"half.png", "third.png"}, 12: {"22", "23"},
	} {
		lines, failed := play(strings.Replace(whole, change[0], change[1], 1), truths)
		if failed != line || lines[len(lines)-1] != line {
			t.Errorf("%s for %s: line %d failed, not %d; played %v", change[1], change[0], failed, line, lines)
		}
	}
	truths["checks"] = Answer{Output: "1 failed"}
	if _, failed := play(whole, truths); failed != 13 {
		t.Errorf("line %d failed, not 13", failed)
	}
}

func TestLimitsAreLongerWithoutKVM(t *testing.T) {
	s, err := Line("{wait for unit: a.service, within: 3m}", ".")
	if err != nil || s.Limit(1) != 3*time.Minute || s.Limit(Slowdown) != 12*time.Minute {
		t.Errorf("%v %v %v", s.Limit(1), s.Limit(Slowdown), err)
	}
	for _, v := range verbs {
		if wait := strings.HasPrefix(v.name, "wait"); wait && !slices.Contains(v.beside(), "within") {
			t.Errorf("%s has no limit", v.name)
		}
	}
}

// FuzzParse sees to it that no text brings the reader down, that every error is at a line that the file has, and that
// what is read can be said.
func FuzzParse(f *testing.F) {
	f.Add(everyVerb)
	for _, text := range []string{
		"about: a\nsteps: [restart, {run: ls}]", "about: a\nsteps:\n  - click: {text: }\n", "steps: {a: b}", "about: a\nmachine: {disk: [1G]}\nsteps: [eject]",
		"about: a\nsteps:\n- keys: [a, [b]]\n- move to: [.5, NaN]", "about: a\nsteps:\n- wait for text: a\n  region: [0,0,1e-320,1]", "about: a\nsteps: [? {run: a} : b]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse("x.yaml", []byte(text))
		if (s == nil) == (err == nil) {
			t.Fatal("neither a script nor an error")
		}
		if err != nil {
			_ = told(err)
			for _, line := range strings.Split(err.Error(), "\n") {
				if strings.ContainsAny(line, "\x1b\x00") {
					t.Fatalf("error %q", line)
				}
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, step := range s.Steps {
			if step.Line < 1 || step.Line > lines || step.String() == "" || step.Limit(1) < 0 {
				t.Fatalf("%d of %d: %s", step.Line, lines, step)
			}
		}
		_, _ = Line(text, ".")
	})
}
