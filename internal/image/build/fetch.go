package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

const (
	parallelDownloads = 8
	tries             = 3
)

// A patience is how long a download waits.
type patience struct {
	stalled time.Duration // how long a transfer may stand still before it is tried again
	pause   time.Duration // between the first and the second try; between the second and the third it is twice that
}

// fetch brings the packages into the store that the missing layers are made from.
func (b *builder) fetch(ctx context.Context) error {
	var missing []lock.Package
	var total int64
	seen := map[string]bool{}
	for _, p := range b.ingredients() {
		l := b.locked[p.SHA256]
		if seen[p.SHA256] {
			continue
		}
		seen[p.SHA256] = true
		sound, err := b.sound("package "+p.Name, blob(l))
		if err != nil {
			return err
		}
		if !sound {
			missing = append(missing, l)
			total += l.Size
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(b.Mirrors) == 0 {
		return ui.Hint(fmt.Errorf("%d packages of the lock aren't in the store, and this machine's apt names no mirror", len(missing)),
			"nhos store import brings packages without a network; --mirror names a mirror")
	}
	work, err := b.Store.Work()
	if err != nil {
		return b.explain(err, "")
	}
	defer work.Close()
	phase := b.Progress.Begin("packages", total)
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: parallelDownloads, TLSHandshakeTimeout: b.patience.stalled,
	}}
	defer client.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelDownloads)
	for _, p := range missing {
		group.Go(func() error {
			span := trace.Of(phase).Beside("downloads", p.Name+" "+p.Version)
			err := b.download(ctx, client, p, work, phase)
			span.End(map[string]string{"size": ui.Bytes(p.Size)})
			if err != nil {
				return b.asked(p, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		phase.Fail(err)
		return err
	}
	phase.Done(fmt.Sprintf("%d fetched, %s", len(missing), ui.Bytes(total)))
	return nil
}

// ingredients are the packages that the missing layers are made from.
func (b *builder) ingredients() []plan.Package {
	var all []plan.Package
	for _, l := range b.plan.Layers {
		if _, err := b.Store.Action(l.Key); err != nil {
			all = append(all, l.Install...)
		}
	}
	if _, err := b.Store.Action(b.plan.Boot.Key); err != nil {
		all = append(all, b.plan.Boot.Install...)
	}
	return all
}

// asked says of an error which package it is about, and which line of the definition asks for it, if one does.
func (b *builder) asked(p lock.Package, err error) error {
	what := fmt.Sprintf("fetching package %s %s", p.Name, p.Version)
	img := b.plan.Image
	for _, d := range slices.Concat(img.BasePackages(), img.Base.Medium, img.ImagePackages(), img.RespinPackages()) {
		if d.Name == p.Name {
			return fmt.Errorf("%w: %w", img.ErrorAt(d.Origin, what), err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// download tries a package until it has come whole, or isn't to be had.
func (b *builder) download(ctx context.Context, client *http.Client, p lock.Package, work *store.Work, phase ui.Phase) error {
	var err error
	for try := range tries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Duration(try) * b.patience.pause):
			}
		}
		var gone bool
		if gone, err = b.transfer(ctx, client, p, work, phase); err == nil || gone || ctx.Err() != nil {
			break
		}
	}
	return err
}

// transfer fetches a package once. gone says that trying again is of no use.
func (b *builder) transfer(ctx context.Context, client *http.Client, p lock.Package, work *store.Work, phase ui.Phase) (gone bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := b.patience.stalled
	watch := time.AfterFunc(stalled, func() { cancel(fmt.Errorf("nothing came for %s", ui.Duration(stalled))) })
	defer watch.Stop()

	uri := b.Mirrors[p.Archive] + (&url.URL{Path: p.Filename}).EscapedPath()
	body, err := open(ctx, client, uri)
	if err != nil {
		var status *statusError
		if errors.As(err, &status) && status.code == http.StatusNotFound {
			return true, ui.Hint(err, "the archive has moved on: make a new lock with nhos lock, or name a mirror that keeps old packages (--mirror)")
		}
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%s: %w", uri, cause)
		}
		return false, ui.Hint(err, unreachable)
	}
	defer body.Close()
	var counted int64
	var cut error // why the body ended early
	_, err = work.Put(io.LimitReader(reader(func(buf []byte) (int, error) {
		n, err := body.Read(buf)
		watch.Reset(stalled)
		counted += int64(n)
		phase.Add(int64(n))
		if err != nil && err != io.EOF {
			cut = err
		}
		return n, err
	}), p.Size+1), store.Digest(p.SHA256))
	if err == nil {
		return false, nil
	}
	phase.Add(-counted)
	var here *fs.PathError
	switch {
	case context.Cause(ctx) != nil:
		return false, ui.Hint(fmt.Errorf("%s: %w", uri, context.Cause(ctx)), unreachable)
	case cut != nil:
		return false, ui.Hint(fmt.Errorf("%s: %w", uri, cut), unreachable)
	case errors.As(err, &here):
		return true, b.explain(err, "") // the store's file system
	}
	return false, ui.Hint(fmt.Errorf("%s: %w", uri, err), "the mirror has other bytes under this name than those that were locked: "+
		"--mirror names another one, nhos lock makes a new lock")
}

const unreachable = "is the mirror reachable? --mirror names another one; what has come so far stays in the store"

// open opens what is at an http, https or file URI.
func open(ctx context.Context, client *http.Client, uri string) (io.ReadCloser, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "file" || u.Scheme == "copy" {
		f, err := os.Open(u.Path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, &statusError{uri, http.StatusNotFound}
		}
		return f, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, &statusError{uri, response.StatusCode}
	}
	return response.Body, nil
}

// A statusError is a mirror's no.
type statusError struct {
	uri  string
	code int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s: %s", e.uri, http.StatusText(e.code)) }

// reader makes a function an io.Reader.
type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }
