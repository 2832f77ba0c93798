// Nhos-identityd is the Identity Agent of one person: it watches the smartcard readers, signs the person in to the Spine,
// and gives the ticket to the person's own programs. systemd starts it when a program first asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/agent"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if err != nil {
		ui.PrintError(os.Stderr, "nhos-identityd", err)
	}
	return ui.ExitCode(err)
}

// flags are for trying the agent out; a unit of systemd needs none.
type flags struct {
	policy                []string
	socket, audit, engine string
	driverTime            time.Duration
}

func newRoot() *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "nhos-identityd", Short: "Sign the person at this computer in to the Spine, by smartcard",
		Long: `nhos-identityd is the Identity Agent. systemd starts it for each person, when a program asks at its socket;
nhos-identity is how a person speaks with it. It never runs as root.`,
		Example:       "  systemctl --user enable --now nhos-identityd.socket",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ui.Usage(errors.New("nhos-identityd takes no argument"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), f) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return ui.Usage(err) })
	c.Flags().StringArrayVar(&f.policy, "policy", nil, "policy `file` instead of the system's and the person's; may be given again")
	c.Flags().StringVar(&f.socket, "socket", "", "`path` to listen at (default: in XDG_RUNTIME_DIR)")
	c.Flags().StringVar(&f.audit, "audit", "", "`file` to add the audit to, instead of the journal")
	c.Flags().StringVar(&f.engine, "engine", "", "`path` of nhos-identity-card (default: beside this program)")
	c.Flags().DurationVar(&f.driverTime, "driver-time", 0, "how long a driver may take before it counts as hung (default: 30s to sign, 15s for the rest)")
	c.AddCommand(newMan())
	c.CompletionOptions.DisableDefaultCmd = true // a unit needs none
	return c
}

func serve(ctx context.Context, f *flags) error {
	if os.Geteuid() == 0 || os.Getuid() == 0 {
		return ui.Hint(ui.Usage(errors.New("the Identity Agent doesn't run as root")), "start it as the person whose card it is: systemctl --user start nhos-identityd.socket")
	}
	if err := harden(); err != nil {
		return err
	}
	files := f.policy
	if len(files) == 0 {
		files = policy.Files()
	}
	p, err := policy.Load(files...)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for _, note := range p.Notes {
		log.Warn(note)
	}
	listener, err := listen(f)
	if err != nil {
		return err
	}
	audit, err := openAudit(f)
	if err != nil {
		return err
	}
	err = agent.Run(ctx, agent.Options{
		Policy: p, Version: version(), Listener: listener, Audit: audit, Log: log, Engine: f.engine, DriverTime: f.driverTime,
		Ready: func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) },
	})
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	return err
}

// harden sees to it that nobody reads this process's memory: it leaves no core dump, and other programs of the person
// can't attach to it.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	return nil
}

// listen takes the socket that systemd holds, or makes one.
func listen(f *flags) (*net.UnixListener, error) {
	passed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("taking the socket from systemd: %w", err)
	}
	if len(passed) > 0 {
		l, ok := passed[0].(*net.UnixListener)
		if !ok || len(passed) > 1 {
			return nil, errors.New("taking the socket from systemd: it isn't the one that nhos-identityd.socket describes")
		}
		l.SetUnlinkOnClose(false) // it stays systemd's
		return l, nil
	}
	path := f.socket
	if path == "" {
		if path, err = ticket.SocketPath(); err != nil {
			return nil, err
		}
	}
	return ticket.Listen(path)
}

func openAudit(f *flags) (ticket.Audit, error) {
	if f.audit == "" {
		return ticket.NewAudit(os.Stderr), nil
	}
	file, err := os.OpenFile(f.audit, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the audit: %w", err)
	}
	return &ticket.Lines{W: file}, nil
}

// version is what the build says of itself.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "unknown"
}
