# Each recipe passes its arguments on to a program that validates them; nothing is decided here.
# Arguments arrive as "$@", never pasted into a command line.

set minimum-version := '1.57.0'
set positional-arguments

# List the recipes
[private]
default:
    @"{{ just_executable() }}" --list --unsorted

# Validate the engine: [fast|stress|chaos|all] [threads], default fast 8
[group('validate')]
[no-exit-message]
prod *args:
    @exec cargo run --quiet --package runner -- run "$@"

# Soak: stress each cycle, chaos and perf snapshots at their cadence: [--resume] [--shard k/n]
[group('validate')]
[no-exit-message]
soak *args:
    @exec cargo run --quiet --package runner -- soak "$@"

# Run one case again with its output: CASE SEED [--plain]
[group('validate')]
[no-exit-message]
repro *args:
    @exec cargo run --quiet --package runner -- repro "$@"

# Show redb and fjall a power loss and a failing disk, and prove that the cases catch an engine that lies: [fjall|redb]
[group('validate')]
engines which="redb,fjall" *args:
    @which="$1"; shift; exec cargo nextest run --profile all --ignore-default-filter --package mace-prod --features "$which" --test prod_power --test detects_power -E "test(/_($(echo "$which" | tr , '|'))::/) | binary(detects_power)" "$@"

# Show every knob, its value, and where it came from
[group('validate')]
[no-exit-message]
knobs *args:
    @exec cargo run --quiet --package runner -- knobs "$@"

# Show what the last runs left as one HTML page, and print where it is
[group('validate')]
[no-exit-message]
report *args:
    @exec cargo run --quiet --package runner -- report "$@"

# Show our fixes for confirmed defects of the engine: [list|show ID|export FOLDER]
[group('validate')]
[no-exit-message]
fixes *args:
    @exec cargo run --quiet --package runner -- fixes "$@"

# Build the layers once, for shards: [fast|stress|chaos|all] [--to FOLDER]
[group('validate')]
[no-exit-message]
archive *args:
    @exec cargo run --quiet --package runner -- archive "$@"

# Run one slice of the archives: K/N [threads] [--archive FOLDER]
[group('validate')]
[no-exit-message]
shard *args:
    @exec cargo run --quiet --package runner -- shard "$@"

# Judge the results of all shards as one run: FOLDER...
[group('validate')]
[no-exit-message]
merge *args:
    @exec cargo run --quiet --package runner -- merge "$@"

# Measure the engine and compare versions: snapshot, compare [BASE], selftest, calibrate, engines A B, history CASE, export
[group('validate')]
[no-exit-message]
perf *args:
    @exec cargo run --quiet --package perf -- "$@"

# Run what a change must pass: the project's own tests and all layers
[group('develop')]
[no-exit-message]
test *args:
    @exec cargo run --quiet --package runner -- test "$@"

# Run the project's own tests
[group('develop')]
[no-exit-message]
own *args:
    @exec cargo run --quiet --package runner -- test --own "$@"

# Build everything
[group('develop')]
build:
    cargo build --workspace --all-targets

# Run the fast layer with nextest alone
[group('validate')]
fast *args:
    @exec cargo nextest run --profile fast "$@"

# Build the documentation, with warnings denied
[group('develop')]
docs:
    RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps

# Build the package of faultfs as crates.io would get it, and upload nothing
[group('develop')]
package:
    cargo publish --dry-run --allow-dirty --package faultfs

# Fetch the tools that some own tests ask: linters and readers of reports, below target/tools
[group('develop')]
tools:
    python3 -m venv target/tools/ci
    target/tools/ci/bin/pip install --quiet zizmor==1.32.0 check-jsonschema==0.39.0 junitparser==5.0.3 junit2html==31.0.2 prometheus-client==0.26.0
    npm install --silent --no-audit --no-fund --prefix target/tools/npm xunit-viewer@10.6.1 junit-report-merger@9.0.4

# Give a hosted Linux runner what the gate measures better with: real-time priorities and valgrind
[group('develop')]
runner:
    sudo setcap cap_sys_nice=eip "$(command -v chrt)"
    sudo apt-get update --quiet
    sudo apt-get install --quiet --yes --no-install-recommends valgrind

# Check formatting and lints, with and without failpoints
[group('develop')]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo clippy --package mace-prod --all-targets --no-default-features -- --deny warnings
    cargo clippy --package mace-prod --all-targets --features fjall,redb -- --deny warnings

# Run lint, then test
[group('develop')]
ci: lint test

# Fetch cargo-nextest when it is missing
[group('develop')]
[no-exit-message]
bootstrap:
    @exec cargo run --quiet --package runner -- bootstrap
