package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/ui"
)

// faultFlags are what fault is asked for.
type faultFlags struct {
	control, value, at string
	times              int
	end, kinds, json   bool
}

func newFault() *cobra.Command {
	f := &faultFlags{}
	c := &cobra.Command{
		Use: "fault [NAME]", Short: "Make a server that is running fail, and see how clients take it",
		Long: `fault makes a fault happen in a server that is running, from now on or for some answers. Without a name it lists the faults
that happen; --kinds lists those that there are.`,
		Example: `  spinesim fault --kinds
  spinesim fault http-status --value 503 --at validate --times 1
  spinesim fault expire
  spinesim fault --end`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return ui.Usage(errors.New("one fault at a time"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, strings.Join(args, "")) },
	}
	p := c.Flags()
	p.StringVar(&f.control, "control", defaultControl, "`address` of the server's control API")
	p.StringVar(&f.value, "value", "", "what the fault's kind says: a status, a time, a number, …")
	p.StringVar(&f.at, "at", "", "`step` that fails: activate, validate, select, assertion, logout, update (default: all)")
	p.IntVar(&f.times, "times", 0, "after so many answers it is over (default: until --end)")
	p.BoolVar(&f.end, "end", false, "end the fault of that name, or all")
	p.BoolVar(&f.kinds, "kinds", false, "list the kinds of faults; needs no server")
	p.BoolVar(&f.json, "json", false, "write JSON, for programs")
	return c
}

func (f *faultFlags) run(c *cobra.Command, name string) error {
	switch {
	case f.kinds:
		return f.printKinds(c.OutOrStdout())
	case f.end:
		return f.ask(c, http.MethodDelete, "/faults?name="+url.QueryEscape(name), nil)
	case name == "":
		return f.ask(c, http.MethodGet, "/faults", nil)
	}
	body, err := json.Marshal(spinesim.Fault{Name: name, Value: f.value, At: f.at, Times: f.times})
	if err != nil {
		return err
	}
	return f.ask(c, http.MethodPut, "/faults", body)
}

func (f *faultFlags) printKinds(w io.Writer) error {
	if f.json {
		return ui.WriteJSON(w, spinesim.Kinds())
	}
	t := ui.NewTable(ui.Column{Title: "fault"}, ui.Column{Title: "value"}, ui.Column{Title: "does"})
	for _, k := range spinesim.Kinds() {
		t.Add(k.Name, k.Default, k.Does)
	}
	return t.Write(w)
}

// ask sends a request to the control API and prints the faults that happen now.
func (f *faultFlags) ask(c *cobra.Command, method, path string, body []byte) error {
	request, err := http.NewRequestWithContext(c.Context(), method, "http://"+f.control+path, bytes.NewReader(body))
	if err != nil {
		return ui.Usage(fmt.Errorf("--control: %w", err))
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return ui.Hint(fmt.Errorf("asking the server at %s: %w", f.control, err), "spinesim serve starts one")
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("asking the server at %s: %w", f.control, err)
	}
	if response.StatusCode != http.StatusOK {
		return ui.Usage(errors.New(strings.TrimSpace(string(text))))
	}
	var faults []spinesim.Fault
	if err := json.Unmarshal(text, &faults); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", f.control, err)
	}
	if f.json {
		return ui.WriteJSON(c.OutOrStdout(), faults)
	}
	if len(faults) == 0 {
		_, err := fmt.Fprintln(c.OutOrStdout(), "no faults")
		return err
	}
	t := ui.NewTable(ui.Column{Title: "fault"}, ui.Column{Title: "value"}, ui.Column{Title: "at"}, ui.Column{Title: "times", Numeric: true})
	for _, fault := range faults {
		times := ""
		if fault.Times > 0 {
			times = fmt.Sprint(fault.Times)
		}
		t.Add(fault.Name, fault.Value, fault.At, times)
	}
	return t.Write(c.OutOrStdout())
}
