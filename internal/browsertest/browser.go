// Package browsertest looks at pages in a real Chromium: at those that are one file, work without scripts, ask the
// network for nothing, and show what strangers have said.
package browsertest

import (
	"context"
	"net/url"
	"os"
	"os/exec"
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
)

// Evil is what a guest or a definition may say to become markup.
const Evil = `</pre></style></title><script>document.title="owned"</script><img src=x onerror="document.title='owned'">` +
	"\"' onload=\"x\x1b[2J\u202eWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"

// The keys that a page is used by, for [Browser.Press].
const (
	Enter = kb.Enter
	Space = " "
)

// A Browser shows one page, and remembers what the page asked for and what the console said.
type Browser struct {
	*testing.T
	path string
	ctx  context.Context

	mu       sync.Mutex
	requests []string
	console  []string
}

// Open shows a page until the test ends.
func Open(t *testing.T, path string) *Browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("this test looks at a page in a browser; install Debian's package chromium: %v", err)
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
	b := &Browser{T: t, path: path, ctx: ctx}
	b.must(chromedp.Listen(ctx, b.note))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	b.must(err)
	b.must(chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String())))
	return b
}

func (b *Browser) note(event any) {
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

func (b *Browser) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// Size makes the window that wide, and asks for a colour scheme.
func (b *Browser) Size(width int64, scheme string) {
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

// Eval returns what a JavaScript expression gives.
func Eval[T any](b *Browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	b.must(err)
	return v
}

// Press presses a key.
func (b *Browser) Press(key string) {
	b.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(key)))
}

// TabTo presses Tab until something that a selector means has the focus, which must be seen.
func (b *Browser) TabTo(selector string) {
	b.Helper()
	for range 400 {
		b.Press(kb.Tab)
		if !Eval[bool](b, `document.activeElement.matches(`+"`"+selector+"`"+`)`) {
			continue
		}
		if outline := Eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
			b.Errorf("%s has the focus and is outlined %q", selector, outline)
		}
		return
	}
	b.Fatalf("the Tab key never comes to %s", selector)
}

// Pages is how many sheets of A4 the page takes.
func (b *Browser) Pages() int {
	b.Helper()
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(func(p *page.PrintToPDFParams) { p.PaperWidth, p.PaperHeight = 8.27, 11.69 }))
	b.must(err)
	return len(regexp.MustCompile(`/Type /Page\b`).FindAll(pdf, -1))
}

// Printed shows the page as it is printed.
func (b *Browser) Printed() {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.must(err)
}

// Readable fails the test where the page is too wide for a phone, a tablet or a desk, a text too pale in the light or in
// the dark, or where a link within the page leads nowhere.
func (b *Browser) Readable() {
	b.Helper()
	for _, width := range []int64{360, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.Size(width, scheme)
			if wide := Eval[int64](b, `document.documentElement.scrollWidth`); wide > width {
				b.Errorf("in a window of %d the page is %d wide: %s", width, wide, Eval[string](b, widest))
			}
			if low := Eval[[]string](b, lowContrast); len(low) > 0 {
				b.Errorf("%s, %d: too little contrast: %s", scheme, width, strings.Join(low[:min(5, len(low))], "\n"))
			}
		}
	}
	if nowhere := Eval[[]string](b, deadLinks); len(nowhere) > 0 {
		b.Errorf("links lead nowhere: %q", nowhere)
	}
}

// Sealed fails the test where what a stranger said has become more than text, where the page asks for anything but
// itself and its own pictures, or where the browser complains.
func (b *Browser) Sealed() {
	b.Helper()
	text, err := os.ReadFile(b.path)
	if err != nil || strings.ContainsAny(string(text), "\x1b\u202e") {
		b.Errorf("the page has control characters, or can't be read: %v", err)
	}
	if title := Eval[string](b, `document.title`); title == "owned" || Eval[int](b, `document.scripts.length`) > 0 {
		b.Error("a script came in")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.requests {
		if !strings.HasPrefix(url, "file://"+b.path) && !strings.HasPrefix(url, "data:image/png") {
			b.Errorf("the page asks for %.100s", url)
		}
	}
	if len(b.requests) == 0 || len(b.console) > 0 {
		b.Errorf("%d requests; the console says %q", len(b.requests), b.console)
	}
}

const deadLinks = `[...document.querySelectorAll("a[href^='#']")].map(a => a.getAttribute("href").slice(1)).filter(id => !document.getElementById(id))`

// widest names the element that sticks out furthest.
const widest = `(() => {
	const all = [...document.body.querySelectorAll("*")].map(e => [e.getBoundingClientRect().right, e]).sort((a, b) => b[0] - a[0]);
	const e = all[0][1];
	return e.tagName + "." + e.getAttribute("class") + " in " + e.closest("[id]")?.id + ": " + e.textContent.slice(0, 60);
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
