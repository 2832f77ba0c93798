package evidence

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/manifest"
)

// evil is what a guest or a definition may say to become markup.
const evil = `</style></title><script>document.title="owned"</script><img src=x onerror="document.title='owned'">` +
	"\"' onload=\"x\x1b[2J\u202eWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"

// full is a pack with every result, a waiver and what a respin touched; hostile fills in what comes from outside.
func full(t *testing.T, hostile bool) (path string) {
	t.Helper()
	f := newFolder(t)
	f.boot("bios-cd", `"firmware": "bios", "checks": [`+check("tea/safe", false)+"]")
	p := f.read(nil)
	said := func(s string) string {
		if hostile {
			return evil
		}
		return s
	}
	p.Respin, p.ODSCode = "ward", "RX1"
	p.Organisation, p.Product = said("A ward that drinks"), said("Ward Desk")
	p.Notes, p.LeftOut = []string{said("The respin runs a script of its own, 10-pour.")}, []string{said("uefi-cd")}
	for i := range p.Boots {
		p.Boots[i].QEMU, p.Boots[i].Way = said("7.2.19"), said(p.Boots[i].Way)
	}
	for i := range p.Controls {
		c := &p.Controls[i]
		c.Statement = said(c.Statement)
		if c.ID == "TEA-1" {
			c.Touched = []string{said("the respin removes package tea of tea (respins/ward/respin.yaml:6:12)")}
			c.Proofs[0].Said = said(c.Proofs[0].Said)
			c.Why = append(c.Why, said("and it is cold"))
		}
		if c.ID == "CUT-1" {
			c.Result, c.Why = Waived, []string{said("scenario power-cut failed in uefi-usb-power-cut")}
			c.Waiver = &definition.Waiver{Waiver: manifest.Waiver{Control: "CUT-1", Reason: said("The ward has power of its own"), By: said("Head of IT"), Until: "2027-03-31"}}
		}
	}
	names, err := p.Write(f.out, "both")
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	return filepath.Join(f.out, PageName)
}

// A browser shows one page in a real Chromium, and remembers what the page asked for.
type browser struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
}

func open(t *testing.T, path string) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("this test looks at the page in a browser; install Debian's package chromium: %v", err)
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
	b.must(chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.requests = append(b.requests, e.Request.URL)
		}
	}))
	_, err = chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	b.must(err)
	b.must(chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String())))
	return b
}

func (b *browser) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

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

func eval[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	b.must(err)
	return v
}

// The page on a phone, a tablet and a desk, in the light and in the dark, also as a hostile guest would have it.
func TestInABrowser(t *testing.T) {
	for name, hostile := range map[string]bool{"full": false, "hostile": true} {
		t.Run(name, func(t *testing.T) {
			path := full(t, hostile)
			text, err := os.ReadFile(path)
			if err != nil || strings.ContainsAny(string(text), "\x1b\u202e") {
				t.Errorf("the page has control characters, or can't be read: %v", err)
			}
			b := open(t, path)
			for _, width := range []int64{360, 768, 1280} {
				for _, scheme := range []string{"light", "dark"} {
					b.size(width, scheme)
					if wide := eval[int64](b, `document.documentElement.scrollWidth`); wide > width {
						t.Errorf("in a window of %d the page is %d wide", width, wide)
					}
					if low := eval[[]string](b, lowContrast); len(low) > 0 {
						t.Errorf("%s, %d: too little contrast: %s", scheme, width, strings.Join(low[:min(5, len(low))], "\n"))
					}
				}
			}
			if title := eval[string](b, `document.title`); title == "owned" || eval[int](b, `document.scripts.length + document.images.length`) > 0 {
				t.Error("a script or a picture came in")
			}
			if broken := eval[[]string](b, `[...document.querySelectorAll("a[href^='#']")].map(a => a.getAttribute("href").slice(1)).filter(id => !document.getElementById(id))`); len(broken) > 0 {
				t.Errorf("links lead nowhere: %q", broken)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, url := range b.requests {
				if !strings.HasPrefix(url, "file://"+path) {
					t.Errorf("the page asks for %.100s", url)
				}
			}
		})
	}
}

func TestByKeyboard(t *testing.T) {
	b := open(t, full(t, false))
	b.size(1280, "light")
	for range 100 {
		b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Tab)))
		if eval[bool](b, `document.activeElement.matches("#frames a[href='#TEA-1']")`) {
			break
		}
	}
	if outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("what has the focus is outlined %q", outline)
	}
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Enter)))
	if at := eval[string](b, `document.querySelector(":target")?.id ?? ""`); at != "TEA-1" {
		t.Errorf("Enter leads to %q", at)
	}
}

func TestOnPaper(t *testing.T) {
	b := open(t, full(t, false))
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(func(p *page.PrintToPDFParams) { p.PaperWidth, p.PaperHeight = 8.27, 11.69 }))
	b.must(err)
	if n := len(regexp.MustCompile(`/Type /Page\b`).FindAll(pdf, -1)); n < 2 || n > 5 {
		t.Errorf("%d pages for ten controls", n)
	}
}

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
		const r = ratio(parse(getComputedStyle(e).color).slice(0, 3), behind(e));
		if (r < 4.5) low.push(e.tagName + "." + e.getAttribute("class") + " " + r.toFixed(2) + ": " + e.textContent.trim().slice(0, 40));
	}
	return low;
})()`
