package report_test

import (
	"context"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/manifest"
)

// A browser shows one page in a real Chromium, and remembers what the page asked for and what the console said.
type browser struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	console  []string
}

func open(t *testing.T, path string) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("this test looks at the report in a browser; install Debian's package chromium: %v", err)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir())}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		cancel()
		_ = chromedp.WaitClosed(ctx) // its folder is removed next
	})
	b := &browser{T: t, ctx: ctx}
	b.must(chromedp.Listen(ctx, b.note))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	b.must(err)
	b.must(chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String())))
	return b
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		b.console = append(b.console, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.console = append(b.console, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.console = append(b.console, "console."+string(e.Type))
	}
}

func (b *browser) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// size makes the window that wide, and asks for a colour scheme.
func (b *browser) size(width int64, scheme string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 740, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	b.must(err)
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.must(err)
}

// eval returns what a JavaScript expression gives.
func eval[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	b.must(err)
	return v
}

func (b *browser) press(keys string) {
	b.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}

// tabTo presses Tab until something that a selector means has the focus.
func (b *browser) tabTo(selector string) {
	b.Helper()
	for range 400 {
		b.press(kb.Tab)
		if eval[bool](b, `document.activeElement.matches('`+selector+`')`) {
			return
		}
	}
	b.Fatalf("the Tab key never comes to %s", selector)
}

// hostile is a report in which everything that a guest or a build can say tries to become markup.
func hostile(t *testing.T) (path string) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	const evil = `</pre></style></title><script>document.title="owned"</script><img src=x onerror="document.title='owned'">` +
		"\"' onload=\"x\x1b[2J\u202eWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"
	for i := range runs {
		r := &runs[i].Result
		r.Manifest.Product, r.Manifest.Image, r.Manifest.Respin, r.Medium, r.Scenario, r.Entry = evil, evil, evil, evil, evil, evil
		r.QEMU, r.Accelerator.Why, r.Notes, r.As = evil, evil, []string{evil}, evil
		if r.Guest != nil {
			r.Guest.OS, r.Guest.Kernel, r.Guest.Hostname = evil, evil, evil
		}
		for i := range r.Reasons {
			r.Reasons[i] = evil
		}
		for i := range r.Checks {
			c := &r.Checks[i]
			c.ID, c.Claim, c.Feature, c.Output, c.Run = evil, evil, evil, evil, evil
			if !c.Passed {
				c.Waived, c.Waivers = true, []manifest.Waiver{{Control: evil, Reason: evil, By: evil, Until: evil}}
			}
		}
		for i := range r.Steps {
			r.Steps[i].What, r.Steps[i].Output = evil, evil
		}
		for i := range r.Pictures {
			r.Pictures[i].Caption = evil
		}
		r.Timeline = append(r.Timeline, r.Timeline[0])
		r.Timeline[len(r.Timeline)-1].What = evil
		write(t, filepath.Join(runs[i].Dir, "serial.log"), evil)
	}
	v := contents()
	for i := range v.Packages {
		v.Packages[i].Name, v.Packages[i].Version, v.Packages[i].Part = evil, evil, evil
	}
	for i := range v.Parts {
		v.Parts[i].Name = evil
	}
	for i := range v.Files {
		v.Files[i].Path, v.Files[i].Package = evil, evil
	}
	v.Layers[0].Name = evil
	if err := v.Write(filepath.Join(dir, build.Inventory)); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, report.PageName)
	if strings.ContainsAny(string(read(t, path)), "\x1b\u202e") {
		t.Error("the page has control characters")
	}
	return path
}

// The page in a browser, as it is meant and as a hostile guest would have it.
func TestInABrowser(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"full": filepath.Join(dir, report.PageName), "hostile": hostile(t)} {
		t.Run(name, func(t *testing.T) {
			b := open(t, path)
			for _, width := range []int64{360, 768, 1280} {
				for _, scheme := range []string{"light", "dark"} {
					b.size(width, scheme)
					if wide := eval[int64](b, `document.documentElement.scrollWidth`); wide > width {
						t.Errorf("in a window of %d the page is %d wide: %s", width, wide, eval[string](b, widest))
					}
					if low := eval[[]string](b, lowContrast); len(low) > 0 {
						t.Errorf("%s, %d: too little contrast: %s", scheme, width, strings.Join(low[:min(5, len(low))], "\n"))
					}
				}
			}
			if broken := eval[int](b, `[...document.images].filter(i => !i.complete || !i.naturalWidth).length`); broken > 0 {
				t.Errorf("%d pictures aren't shown", broken)
			}
			if n := eval[int](b, `document.images.length`); n < 12 {
				t.Errorf("only %d pictures", n)
			}
			if title := eval[string](b, `document.title`); title == "owned" || eval[int](b, `document.scripts.length`) > 0 {
				t.Error("a script came in")
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, url := range b.requests {
				if !strings.HasPrefix(url, "file://"+path) && !strings.HasPrefix(url, "data:image/png") {
					t.Errorf("the page asks for %.100s", url)
				}
			}
			if len(b.requests) == 0 || len(b.console) > 0 {
				t.Errorf("%d requests; the console says %q", len(b.requests), b.console)
			}
		})
	}
}

func TestByKeyboard(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	b := open(t, filepath.Join(dir, report.PageName))
	b.size(1280, "light")

	b.tabTo("details.files > summary")
	b.press(kb.Enter)
	if !eval[bool](b, `document.querySelector("details.files").open`) {
		t.Error("Enter doesn't unfold the files that differ")
	}
	if outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("what has the focus is outlined %q", outline)
	}

	fills := `(() => { const f = document.querySelector(":target"), r = f.getBoundingClientRect(); return r.width == document.documentElement.clientWidth && r.height == innerHeight && r.top == 0 ? f.id : "" })()`
	b.tabTo("#boot-1-picture-1 > a.open")
	b.press(kb.Enter)
	if id := eval[string](b, fills); id != "boot-1-picture-1" {
		t.Fatalf("the picture doesn't fill the window: %q", id)
	}
	b.tabTo(`.viewer a[href="#boot-1-picture-2"]`)
	b.press(kb.Enter)
	if id := eval[string](b, fills); id != "boot-1-picture-2" {
		t.Errorf("the next picture isn't shown: %q", id)
	}
	b.tabTo(`#boot-1-picture-2 .viewer a[href="#boot-1-film"]`)
	b.press(kb.Enter)
	if position := eval[string](b, `getComputedStyle(document.querySelector("#boot-1-picture-2")).position`); position != "static" {
		t.Errorf("the picture stays large: %s", position)
	}

	b.tabTo("#boot-2 details.group.passed > summary")
	b.press(" ")
	if n := eval[int](b, `document.querySelectorAll("#boot-2 details.group.passed[open]").length`); n != 1 {
		t.Errorf("the space key unfolds %d groups", n)
	}
}

func TestOnPaper(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	b := open(t, filepath.Join(dir, report.PageName))
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(func(p *page.PrintToPDFParams) { p.PaperWidth, p.PaperHeight = 8.27, 11.69 }))
	b.must(err)
	if n := len(regexp.MustCompile(`/Type /Page\b`).FindAll(pdf, -1)); n < 5 || n > 12 {
		t.Errorf("%d pages for four boots", n)
	}
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.must(err)
	shown := func(selector string) (n int) {
		return eval[int](b, `[...document.querySelectorAll("`+selector+`")].filter(e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0).length`)
	}
	if n, all := shown(".checks .claim"), eval[int](b, `document.querySelectorAll(".checks .claim").length`); n != all || n != 20 {
		t.Errorf("%d of %d claims are printed", n, all)
	}
	if shown(".differences li") != 5 || shown(".files li") != 0 || shown(".checks li.failed pre") != 1 || shown(".checks li.passed pre") != 0 || shown(".log pre") != 0 {
		t.Error("what is printed isn't what matters")
	}
}

// widest names the element that sticks out furthest.
const widest = `(() => {
	const all = [...document.body.querySelectorAll("*")].map(e => [e.getBoundingClientRect().right, e]).sort((a, b) => b[0] - a[0]);
	const e = all[0][1];
	return e.tagName + "." + e.getAttribute("class") + " in " + e.closest("[id]").id + ": " + e.textContent.slice(0, 60);
})()`

// lowContrast lists the texts that stand out from what is behind them by less than WCAG's 4.5:1, as the browser
// computes their colours.
const lowContrast = `(() => {
	const parse = s => s.match(/[\d.]+/g).map(Number);
	const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
	const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] == 1) return c.slice(0, 3) } return [255, 255, 255] };
	const low = [];
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
		let colour = parse(getComputedStyle(e).color), paper = behind(e);
		if (e.closest("svg")) {
			if (e.tagName == "title") continue;
			colour = parse(getComputedStyle(e).fill);
			const rect = e.closest("svg.map") ? e.parentElement.querySelector("rect") : [...e.parentElement.querySelectorAll("rect")].find(r => e.classList.contains(r.classList[0]));
			if (rect) paper = parse(getComputedStyle(rect).fill).slice(0, 3);
		}
		const r = ratio(colour.slice(0, 3), paper);
		if (r < 4.5) low.push(e.tagName + "." + e.getAttribute("class") + " " + r.toFixed(2) + ": " + e.textContent.trim().slice(0, 40));
	}
	return low;
})()`
