package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/scenario"
)

// The elements that CI systems agree on (https://github.com/testmoapp/junitxml). encoding/xml replaces what XML 1.0
// has no place for.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		SystemOut  string          `xml:"system-out,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class     string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitMessage `xml:"failure"`
		Skipped   *junitMessage `xml:"skipped"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit returns a suite for each run: the boot itself is its first case, then there is one for each step of its script,
// for each check, and for each destination on a network that was recorded. A check that the run didn't get to is skipped,
// and so is one that failed and is waived, and a step that the guest can't be asked.
func junit(runs []Run) ([]byte, error) {
	all := junitSuites{Name: title(runs)}
	var lasted time.Duration
	for _, run := range runs {
		suite := junitRun(run)
		all.Suites = append(all.Suites, suite)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Skipped += suite.Skipped
		lasted += run.Result.Duration
	}
	all.Time = seconds(lasted)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func junitRun(run Run) junitSuite {
	r := run.Result
	suite := junitSuite{
		Name: readable(r.Name), Time: seconds(r.Duration), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{
			{"medium", readable(r.Medium)},
			{"sha256", readable(r.SHA256)},
			{"firmware", readable(r.Firmware)},
			{"as", readable(r.As)},
			{"accelerator", readable(r.Accelerator.Name)},
			{"qemu", readable(r.QEMU)},
		},
	}
	suite.SystemOut, _ = run.tail(r.SerialLog)

	boot := junitCase{Class: suite.Name, Name: "boots", Time: seconds(r.Duration)}
	if bootFailed(r) {
		reasons := readableAll(r.Reasons)
		boot.Failure = &junitMessage{Message: first(reasons, "failed without a reason"), Text: strings.Join(reasons, "\n")}
	}
	suite.Cases = append(suite.Cases, boot)
	for _, s := range r.Steps {
		suite.Cases = append(suite.Cases, junitStep(suite.Name, s))
	}
	for _, c := range r.Checks {
		suite.Cases = append(suite.Cases, junitCheck(suite.Name, c))
	}
	for _, c := range unknown(r) {
		suite.Cases = append(suite.Cases, junitCheck(suite.Name, scenario.Check{Check: c}))
	}
	for _, d := range r.Destinations {
		suite.Cases = append(suite.Cases, junitDestination(suite.Name, r, d))
	}
	suite.Tests = len(suite.Cases)
	for _, c := range suite.Cases {
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Skipped != nil {
			suite.Skipped++
		}
	}
	return suite
}

func junitStep(run string, s scenario.Step) junitCase {
	one := junitCase{Class: run + ".script", Name: fmt.Sprintf("line %d: %s", s.Line, readable(s.What)), Time: seconds(s.Duration)}
	switch output := readable(s.Output); {
	case s.Skipped != "":
		one.Skipped = &junitMessage{Message: readable(s.Skipped)}
	case s.Passed:
		one.SystemOut = output
	default:
		one.Failure = &junitMessage{Message: "failed: " + readable(s.What), Text: output}
	}
	return one
}

func junitCheck(run string, c scenario.Check) junitCase {
	one := junitCase{Class: run + "." + readable(c.Feature), Name: readable(c.ID) + ": " + readable(c.Claim), Time: seconds(c.Duration)}
	switch output := readable(c.Output); {
	case c.Passed:
		one.SystemOut = output
	case isBorne(c):
		one.Skipped = &junitMessage{Message: "waived: " + strings.Join(readableAll(c.BorneBy()), "; ")}
		one.SystemOut = output
	case ran(c):
		one.Failure = &junitMessage{Message: "not so: " + readable(c.Claim), Text: output}
		if day := readable(c.BorneUntil()); day != "" {
			one.Failure.Message += "; its waiver ran out on " + day
		}
	default:
		one.Skipped = &junitMessage{Message: "the boot didn't get to it"}
	}
	return one
}

// bootFailed reports whether the boot itself has a part in a failed verdict. Each failed check and step is one of the
// reasons: what goes beyond those is the boot's.
func bootFailed(r scenario.Result) bool {
	failed := 0
	for _, c := range r.Checks {
		if ran(c) && !c.Passed && !isBorne(c) {
			failed++
		}
	}
	for _, s := range r.Steps {
		if !s.Passed && s.Skipped == "" {
			failed++
		}
	}
	return r.Verdict != scenario.Passed && (failed == 0 || len(r.Reasons) > failed)
}

func readableAll(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = readable(s)
	}
	return out
}

func first(all []string, otherwise string) string {
	if len(all) == 0 {
		return otherwise
	}
	return all[0]
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
