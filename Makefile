# The module, the command, their tests and the demo. `make help` lists the targets.

CARGO   ?= cargo
export CARGO_TARGET_DIR := target
MODULE  := target/release/libmod_maintenance.so
COMMAND := target/release/maintenancectl
SYMBOLS := target/symbols/libmod_maintenance.so
TOOLS   := target/tools
PACKAGES := httpd-test/install-packages.sh

BUILD_PACKAGES := apache2-bin apache2-dev gcc libc6-dev libclang-dev
# For the stores of fleets, of which a build without protoc knows nothing.
STORE_PACKAGES := libprotobuf-dev protobuf-compiler
STORES         := $$(httpd-test/stores.sh)
TEST_PACKAGES  := $(BUILD_PACKAGES) $(STORE_PACKAGES) curl etcd-client etcd-server fish g++ haproxy jq libapache2-mod-jk libapache2-mod-security2 libfaketime man-db \
  mandoc python3 util-linux valgrind zsh
DEMO_PACKAGES  := $(BUILD_PACKAGES) $(STORE_PACKAGES) curl
BENCH_PACKAGES := $(BUILD_PACKAGES) haproxy nginx-common nginx-light openssl strace util-linux valgrind
DIST_PACKAGES  := $(BUILD_PACKAGES) $(STORE_PACKAGES) binutils git libexpat1-dev lintian llvm perl python3-venv rpm rpmlint xz-utils \
  $(if $(filter 2.4,$(HTTPD)),,bzip2 curl gcc-multilib)
ARCH_PACKAGES  := $(BUILD_PACKAGES) $(STORE_PACKAGES) debootstrap llvm python3-venv qemu-user-static
BROWSER_PACKAGES := $(BUILD_PACKAGES) chromium fonts-noto-cjk fonts-noto-core

FUZZ_TARGETS := allow_file directives flag_content invitations invite_request negotiation plugin_cfg \
  status_page status_query template
FUZZ_SECONDS ?= 600

# Stable Rust has neither sanitizers nor Miri. One of a certain day, so that it is the same everywhere.
export NIGHTLY ?= nightly-2026-05-20

# Most tests wait for a server: more of them at a time than there are processors.
export RUST_TEST_THREADS ?= 4

# What is released is built against the oldest httpd that it is for: for httpd 2.4, that is IBM HTTP
# Server 9.0's, for httpd 2.2 the last one of all.
OLD_HTTPD := $(TOOLS)/httpd-2.4.12
NEW_HTTPD := $(TOOLS)/httpd-2.4.69

# What `make dist` builds, and where this machine's part of it is.
export ARCH HTTPD SIGN_KEY
BUILT         := target/built
HERE          := $(shell uname -m)
BUILT_MODULE  := $(BUILT)/$(HERE)-2.4/mod_maintenance.so
BUILT_COMMAND := $(BUILT)/$(HERE)/maintenancectl
DEB_HERE      := $(foreach files,target/dist/libapache2-mod-maintenance_* target/test-dist/libapache2-mod-maintenance_999.0-1_*,$(files)$$(dpkg --print-architecture).deb)
DIST_TOOLS    := $(TOOLS)/zig $(TOOLS)/bin/cargo-zigbuild $(TOOLS)/bin/cargo-cyclonedx

.PHONY: build rust nightly demo test test-boot test-browser soak soak-fleet cost fuzz fuzz-planted loom sanitize asan tsan miri check audit bench bench-fleet dist test-dist test-2.2 test-arch test-compat install uninstall clean help

# Each with the features of libraries that it asks for itself.
build: rust ## Build the module and maintenancectl (needs httpd's headers and libclang; says so if they are missing)
	$(CARGO) build --release --locked
	$(CARGO) build --release --locked --package maintenancectl $(STORES)

# Before a hundred packages are installed for nothing.
rust:
	@command -v $(CARGO) >/dev/null || { \
	  echo "There is no $(CARGO): install Rust 1.88 or newer from https://rustup.rs" >&2; exit 1; }

demo: rust ## Install what is missing, build, and show the night in short on a real httpd
	@$(PACKAGES) $(DEMO_PACKAGES)
	$(CARGO) build --release --locked --package mod_maintenance --package maintenancectl $(STORES)
	@httpd-test/demo.sh $(MODULE) $(COMMAND)

# The module under test is the one that ships; the tests of the panic guard have one of their own.
TEST := $(CARGO) test --locked --package maintenance_core --package maintenancectl --package mod_maintenance \
  $(STORES)

test: rust $(TOOLS)/bin/cargo-fuzz ## Install what is missing, build, and run all tests
	@$(PACKAGES) $(TEST_PACKAGES)
	$(CARGO) build --release --locked
	MAINTENANCE_MODULE=$(MODULE) $(TEST)
	MAINTENANCE_MODULE=$(MODULE) $(CARGO) test --locked --test httpd fleet::random -- --ignored
	@$(MAKE) --no-print-directory cost
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=10

cost: rust ## Count the instructions of a request, and fail if they are more than in tools/bench/cost.json
	@$(PACKAGES) $(BUILD_PACKAGES) valgrind
	$(CARGO) build --release --locked
	MAINTENANCE_MODULE=$(MODULE) $(CARGO) run --locked --profile client --package maintenance_bench -- check

# Monotonic clocks begin near zero: "an hour ago" does not exist yet. A time namespace needs root.
test-boot: rust ## Run the tests as on a machine that was booted 30 seconds ago (as root)
	@$(PACKAGES) $(TEST_PACKAGES)
	$(CARGO) build --release --locked
	$(TEST) --no-run
	uptime=$$(cut -d . -f 1 /proc/uptime) && \
	  back=$$(( uptime > 30 ? uptime - 30 : 0 )) && \
	  MAINTENANCE_MODULE=$(MODULE) unshare --time --monotonic -$$back --boottime -$$back \
	  $(TEST)

# Screenshots are left in SHOTS, if that is set.
test-browser: rust ## Install a browser and look at the module's pages in it
	@$(PACKAGES) $(BROWSER_PACKAGES)
	@command -v npm >/dev/null || $(PACKAGES) nodejs npm
	$(CARGO) build --release --locked
	npm ci --prefix tests/browser
	MAINTENANCE_MODULE=$(MODULE) $(CARGO) test --locked --test httpd browser:: -- --ignored --nocapture

# SEED repeats the order of the faults. A full and a read-only disk need root.
soak: rust ## Load a server while faults are injected and every answer is judged (SOAK=30m; default: 5 minutes)
	@$(PACKAGES) $(BUILD_PACKAGES) libfaketime util-linux
	$(CARGO) build --release --locked
	MAINTENANCE_MODULE=$(MODULE) $(CARGO) run --locked --package maintenance_soak

# SEED repeats the order of what happens.
soak-fleet: rust ## Close and open a fleet of six servers while etcd and followers fail (FLEET=30m; default: 10 minutes)
	@$(PACKAGES) $(BUILD_PACKAGES) $(STORE_PACKAGES) etcd-client etcd-server libfaketime
	$(CARGO) build --release --locked
	MAINTENANCE_MODULE=$(MODULE) FLEET=$(or $(FLEET),10m) ROUNDS=$(or $(ROUNDS),100) \
	  $(CARGO) test --locked --test httpd fleet:: -- --include-ignored --nocapture --test-threads=1

# What is found on the way goes to target/fuzz; the corpus in the repository is only read.
fuzz: rust $(TOOLS)/bin/cargo-fuzz ## Fuzz every parser for FUZZ_SECONDS each (default: 600)
	@for name in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/$$name && \
	  env -u CARGO_TARGET_DIR PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(CARGO) fuzz run --sanitizer none \
	    $$name target/fuzz/$$name fuzz/corpus/$$name -- -max_len=8192 -verbosity=0 \
	    -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

fuzz-planted: rust $(TOOLS)/bin/cargo-fuzz ## Plant a defect for each fuzz target, which it has to find
	@$(PACKAGES) gcc libc6-dev g++ perl
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=1
	env -u CARGO_TARGET_DIR PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" tests/planted.sh fuzz/planted.txt \
	  target/fuzz-planted sh -c '$(CARGO) fuzz run --sanitizer none "$$0" -- -max_len=8192 -max_total_time=120'

# The models of what threads and processes share, and whether they find the defects that are planted
# (tests/loom/planted.txt). Built for themselves, since loom wants a flag for all crates.
LOOM := CARGO_TARGET_DIR=$(abspath $(CARGO_TARGET_DIR))/loom RUSTFLAGS="--cfg loom" RUST_BACKTRACE=0 \
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0

loom: rust ## Try all orders in which threads and processes can write to what they share
	@$(PACKAGES) gcc libc6-dev perl
	$(LOOM) $(CARGO) test --locked --package maintenance_core -- models::
	$(LOOM) tests/planted.sh tests/loom/planted.txt target/loom/planted \
	  $(CARGO) test --locked --package maintenance_core --

sanitize: asan tsan miri ## All three of them

# Installed beside the other toolchains, of which the default one stays the default.
nightly: rust
	@command -v rustup >/dev/null || { \
	  echo "Rust's nightly toolchain is needed, which only rustup installs: see https://rustup.rs" >&2; exit 1; }
	@rustup +$(NIGHTLY) component list --installed 2>/dev/null | grep -q rust-src || \
	  rustup toolchain install $(NIGHTLY) --profile minimal --component miri --component rust-src

asan: nightly ## Run all tests under AddressSanitizer and UndefinedBehaviorSanitizer, those with httpd, too
	@$(PACKAGES) $(TEST_PACKAGES) clang-14 libclang-rt-14-dev llvm-14
	@tests/sanitize/asan.sh

tsan: nightly ## Run the unit tests under ThreadSanitizer
	@$(PACKAGES) gcc libc6-dev
	@tests/sanitize/tsan.sh

miri: nightly ## Run unit tests under Miri
	@$(PACKAGES) gcc libc6-dev
	@tests/sanitize/miri.sh

check: $(TOOLS)/bin/cargo-deny ## Check format, lints, the source tree, documentation and dependencies
	@$(PACKAGES) $(BUILD_PACKAGES) $(STORE_PACKAGES) g++
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked --package maintenancectl --all-targets --all-features -- -D warnings
	RUSTFLAGS="--cfg fuzzing" $(CARGO) check --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz-check
	RUSTFLAGS="--cfg loom" $(CARGO) check --locked --package maintenance_core --tests --target-dir target/loom-check
	$(CARGO) test --locked --test architecture
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

audit: $(TOOLS)/bin/cargo-deny ## Check the dependencies for known vulnerabilities (needs the network)
	$(TOOLS)/bin/cargo-deny --locked check advisories

$(TOOLS)/bin/cargo-deny:
	@$(PACKAGES) $(BUILD_PACKAGES)
	$(CARGO) install --locked --debug --root $(TOOLS) cargo-deny@0.20.2

$(TOOLS)/bin/cargo-fuzz:
	@$(PACKAGES) gcc g++ libc6-dev
	$(CARGO) install --locked --debug --root $(TOOLS) cargo-fuzz@0.13.2

# tools/bench/src/main.rs says what ONLY, ROUNDS and CHART choose.
bench: rust ## Measure what a request costs the server (BASELINE=/path/to/other.so: beside another build)
	@$(PACKAGES) $(BENCH_PACKAGES)
	$(CARGO) build --release --locked
	$(CARGO) build --profile symbols --locked
	MAINTENANCE_MODULE=$(MODULE) MAINTENANCE_SYMBOLS=$(SYMBOLS) \
	  $(if $(BASELINE),BASELINE=$(abspath $(BASELINE))) \
	  $(CARGO) run --locked --profile client --package maintenance_bench

# tools/bench-fleet/src/main.rs says what FOLLOWERS and ROUNDS choose. A thousand followers take 2 GB.
bench-fleet: rust ## Measure a fleet with etcd, from close to the last server (FOLLOWERS="100 300"; default: 1000)
	@$(PACKAGES) $(BUILD_PACKAGES) $(STORE_PACKAGES) etcd-client etcd-server
	$(CARGO) build --release --locked
	$(CARGO) build --release --locked --package maintenancectl $(STORES)
	MAINTENANCE_MODULE=$(MODULE) MAINTENANCECTL=$(COMMAND) \
	  $(CARGO) run --locked --profile client --package maintenance_bench_fleet

# HTTPD=2.4 leaves out the modules for httpd 2.2, which need its sources: see packaging/release.md.
dist: rust $(OLD_HTTPD) $(DIST_TOOLS) ## Build what is released for all architectures (ARCH=s390x, HTTPD=2.4: a part), with SIGN_KEY= signed
	@$(PACKAGES) $(DIST_PACKAGES)
	packaging/dist.sh
	packaging/lint.sh target/dist
	@ls -l target/dist

# The upgrade is one to the same module.
test-dist: dist $(NEW_HTTPD) ## Try what `make dist` has built, as root
	@$(PACKAGES) $(TEST_PACKAGES) curl debootstrap gdb iproute2
	packaging/test-module.sh $(BUILT_MODULE) $(BUILT_COMMAND) $(OLD_HTTPD)/bin/apxs $(NEW_HTTPD)/bin/apxs apxs
	packaging/package.sh $(HERE) 2.4 target/test-dist 999.0
	for suite in bookworm trixie; do SUITE=$$suite packaging/test-deb.sh $(DEB_HERE) || exit 1; done
	packaging/test-signature.sh target/dist
	packaging/test-containers.sh target/dist $(NEW_HTTPD)
	packaging/test-symbols.sh $(BUILT_MODULE) target/package/$(HERE)-2.4/dbgsym $(NEW_HTTPD)
	packaging/test-rpm.sh rhel $(NEW_HTTPD) target/dist target/test-dist
	packaging/test-rpm.sh suse $(NEW_HTTPD) target/dist target/test-dist

# With the released modules, in httpds of 64 and 32 bits: see packaging/release.md for the sources.
test-2.2: dist ## Try the modules for httpd 2.2 that `make dist` has built
	@$(PACKAGES) $(DEMO_PACKAGES) gcc-multilib
	packaging/test-2.2.sh

# Debian's httpd for another architecture and this machine's tests: see tests/arch.
test-arch: rust $(DIST_TOOLS) ## Run the tests with httpd and module for another architecture (ARCH=s390x)
	@$(PACKAGES) $(TEST_PACKAGES) $(ARCH_PACKAGES)
	tests/arch/run.sh $(ARCH) $(TESTS)

# Each server with a module that is built for it and with the one that is released, and the
# distribution's with the latter.
test-compat: dist $(NEW_HTTPD) ## Run the tests with an old httpd (IBM HTTP Server 9.0's) and a newer one
	@$(PACKAGES) $(TEST_PACKAGES)
	@for httpd in $(OLD_HTTPD) $(NEW_HTTPD); do \
	  APXS=$(CURDIR)/$$httpd/bin/apxs CARGO_TARGET_DIR=$$httpd/target $(CARGO) build --release --locked && \
	  for module in $$httpd/target/release/libmod_maintenance.so $(BUILT_MODULE); do \
	    tests/compat/run.sh $$httpd/bin/apxs $$module tests/compat/$${httpd##*-} || exit 1; \
	  done || exit 1; \
	done
	tests/compat/run.sh "$$(command -v apxs || command -v apxs2)" $(BUILT_MODULE)

# An httpd with headers, apxs and modules, for builds and tests: see the script for the versions.
$(TOOLS)/httpd-%:
	@$(PACKAGES) $(DIST_PACKAGES)
	packaging/install-httpd.sh $* $@

# The linker that knows the symbols of every glibc. Moved when it is complete.
$(TOOLS)/zig:
	@$(PACKAGES) $(DIST_PACKAGES)
	rm -rf $@.new && python3 -m venv $@.new && $@.new/bin/pip install --quiet ziglang==0.17.1
	mv $@.new $@

$(TOOLS)/bin/cargo-zigbuild:
	@$(PACKAGES) $(BUILD_PACKAGES)
	$(CARGO) install --locked --debug --root $(TOOLS) cargo-zigbuild@0.24.1

$(TOOLS)/bin/cargo-cyclonedx:
	@$(PACKAGES) $(BUILD_PACKAGES)
	$(CARGO) install --locked --debug --root $(TOOLS) cargo-cyclonedx@0.5.9

# Does not build: root, or sudo, often has no Rust toolchain.
install: ## Install what `make` has built: the module where httpd has its modules, the command in PREFIX (DESTDIR counts)
	@for file in $(MODULE) $(COMMAND); do \
	  test -f $$file || { echo "$$file is not there yet: run 'make' first" >&2; exit 1; }; \
	done
	@packaging/install-command.sh $(COMMAND)
	@httpd-test/install-module.sh $(MODULE)

uninstall: ## Remove what `make install` has installed (PREFIX and DESTDIR count)
	@httpd-test/install-module.sh --uninstall
	@packaging/install-command.sh --uninstall

clean: ## Remove everything that was built
	$(CARGO) clean

help: ## List the targets (APXS=/path/to/apxs chooses the httpd, PORT= the demo's port)
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
