# Two commands do all: "make image" and "make test". Both install what they need, and name it first.

SHELL := /bin/bash
.DELETE_ON_ERROR:

IMAGE ?= desktop
# MiB of the machine that it boots on.
MEMORY ?= 4096
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
NHOS := bin/nhos

# What tests use besides what nhos itself does; "nhos doctor" knows the latter.
TEST_PACKAGES := busybox-static chromium dbus dbus-daemon diffoscope-minimal e2fsprogs libfaketime gcc libc6-dev libpam-systemd grub-common grub-rescue-pc gpg gpg-agent gpgv \
  mandoc mtools openssh-client openssl procps opensc opensc-pkcs11 pcscd softhsm2 systemd systemd-container vsmartcard-vpcd

.PHONY: image test unit boot acceptance bench identity identity-demo fuzz lint generate man install install-identity setup setup-test clean

image: setup ## make an image, boot it, and say where the ISO and the report are
	$(SUDO) $(NHOS) build $(IMAGE)
	$(SUDO) $(NHOS) test $(IMAGE) --memory $(MEMORY)

test: setup-test lint unit boot ## what has to pass for every change; make acceptance has the rest

unit: setup-test ## tests of packages and of the command line
	$(SUDO) env "PATH=$$PATH" CGO_ENABLED=1 go test -race -timeout 20m ./...

boot: setup-test ## builds images/mini and others for real, boots them, and disturbs builds
	$(SUDO) env "PATH=$$PATH" NHOS=$(CURDIR)/$(NHOS) go test -tags boot -timeout 60m -p 1 -v ./internal/acceptance ./internal/survival

# Which of its tests: make acceptance RUN='TestKiosk|TestMenu'. What has passed isn't booted again.
RUN ?= .
RESULTS := $(CURDIR)/out/acceptance

acceptance: setup-test ## what takes longer than make test: the desktop and its respins at work, every way to boot; one report
	$(SUDO) env "PATH=$$PATH" NHOS=$(CURDIR)/$(NHOS) NHOS_RESULTS=$(RESULTS) \
	  go test -tags acceptance -timeout 170m -p 1 -v -run '$(RUN)' ./internal/acceptance ./internal/survival; \
	  status=$$?; [ ! -d $(RESULTS) ] || $(SUDO) $(NHOS) --out $(RESULTS) report && exit $$status

# What the benchmark is asked: "-desktop" is the desktop against Debian's own, "-desktop -peer-made" that without building the latter,
# "-identity" the Identity Agent, which needs no live-build.
BENCH ?=
bench: $(if $(findstring -identity,$(BENCH)),setup-test,setup) ## against Debian's live-build, on a quiet machine; docs/performance.md has tables
	@missing=$$([ -n "$(findstring -identity,$(BENCH))" ] || dpkg-query -W live-build >/dev/null 2>&1 || echo live-build); $(call install)
	go build -o bin/bench ./internal/bench
	$(SUDO) env "PATH=$$PATH" bin/bench $(BENCH)

identity-demo: setup-test ## the Identity Agent at work, without any hardware
	$(SUDO) env "PATH=$$PATH" go run ./internal/identity/demo

FUZZTIME ?= 20s
fuzz: ## every fuzz target, each for FUZZTIME
	@grep -rHo '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' internal | while IFS=: read -r file target; do \
	  echo "$${target#func } in $$(dirname $$file)"; \
	  go test "./$$(dirname $$file)" -run '^$$' -fuzz "^$${target#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s </dev/null || exit 1; \
	done

lint: tools/bin/golangci-lint ## the house's rules
	tools/bin/golangci-lint run ./...
	go mod tidy -diff

tools/bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -o bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

generate: ## the JSON Schemas
	go generate ./...

PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
# Manual pages bear the date of the last commit, or of the change log where there is no history.
man install install-identity: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)

man: $(NHOS) ## the manual pages, into bin/man
	rm -rf $(dir $(NHOS))man
	$(NHOS) man --dir $(dir $(NHOS))man

install: man ## the program, its manual pages and completions for bash, zsh and fish; DESTDIR and PREFIX say where
	install -D -m 755 $(NHOS) $(DESTDIR)$(PREFIX)/bin/nhos
	install -d $(SHARE)/man/man1
	install -m 644 $(dir $(NHOS))man/*.1 $(SHARE)/man/man1
	$(call complete,$(NHOS))

# $(call complete,PROGRAM) installs what shells complete for it.
define complete
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	umask 022; $(1) completion bash >$(SHARE)/bash-completion/completions/$(notdir $(1))
	umask 022; $(1) completion zsh >$(SHARE)/zsh/site-functions/_$(notdir $(1))
	umask 022; $(1) completion fish >$(SHARE)/fish/vendor_completions.d/$(notdir $(1)).fish
endef

# The Identity Agent's programs. Only the process that holds smartcard drivers needs cgo.
IDENTITY := bin/identity

identity:
	CGO_ENABLED=0 go build -trimpath -o $(IDENTITY)/ ./cmd/nhos-identityd ./cmd/nhos-identity ./cmd/spinesim
	CGO_ENABLED=1 go build -trimpath -o $(IDENTITY)/ ./cmd/nhos-identity-card

install-identity: identity ## the Identity Agent and spinesim: programs, units of the user manager, manual pages, completions; as install
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/user $(SHARE)/man/man1
	install -m 755 $(addprefix $(IDENTITY)/,nhos-identityd nhos-identity nhos-identity-card spinesim) $(DESTDIR)$(PREFIX)/bin
	install -m 644 packaging/identity/nhos-identityd.service packaging/identity/nhos-identityd.socket $(DESTDIR)$(PREFIX)/lib/systemd/user
	sed -i 's|^ExecStart=/usr/bin/|ExecStart=$(PREFIX)/bin/|' $(DESTDIR)$(PREFIX)/lib/systemd/user/nhos-identityd.service
	rm -rf $(IDENTITY)/man
	for p in nhos-identityd nhos-identity spinesim; do $(IDENTITY)/$$p man --dir $(IDENTITY)/man || exit; done
	install -m 644 $(IDENTITY)/man/*.1 $(SHARE)/man/man1
	$(call complete,$(IDENTITY)/nhos-identity)
	$(call complete,$(IDENTITY)/spinesim)

$(NHOS): FORCE
	CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/nhos
FORCE:

setup: $(NHOS)
	@missing=$$($(NHOS) doctor --missing); $(call install)

setup-test: $(NHOS)
	@missing="$$($(NHOS) doctor --missing) $$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(TEST_PACKAGES) 2>/dev/null | \
	  awk -v all="$(TEST_PACKAGES)" '$$2 == "installed" {have[$$1] = 1} END {n = split(all, a); for (i = 1; i <= n; i++) if (!have[a[i]]) printf a[i] " "}')"; $(call install)

# Installs $$missing, after saying so. Without vpcd's configuration: it would have the machine's own pcscd listen to the network;
# the tests run one that doesn't.
define install
if [ -n "$${missing// /}" ]; then \
  echo "Installing these Debian packages: $$missing"; \
  $(SUDO) apt-get -qq update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    -o Dpkg::Options::=--path-exclude=/etc/reader.conf.d/vpcd $$missing >/dev/null; \
fi
endef

clean: ## remove what was built here; the store stays
	rm -rf bin out tools/bin
