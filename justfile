# Each recipe passes its arguments on to a program that validates them; nothing is decided here.
# Arguments arrive as "$@", never pasted into a command line.

set positional-arguments

# List the recipes
[private]
default:
    @"{{ just_executable() }}" --list --unsorted

# Validate the engine: [fast|stress|chaos|all] [threads]; what failed last time alone: --failed
[group('validate')]
[no-exit-message]
prod *args:
    @exec cargo run --quiet --package runner -- run "$@"

# Run for hours and judge what builds up: [--resume] [--shard K/N]
[group('validate')]
[no-exit-message]
soak *args:
    @exec cargo run --quiet --package runner -- soak "$@"

# Repeat one case and show its output: CASE SEED [--plain]
[group('validate')]
[no-exit-message]
repro *args:
    @exec cargo run --quiet --package runner -- repro "$@"

# Judge by today's oracles what a case left: FOLDER
[group('validate')]
[no-exit-message]
judge *args:
    @exec cargo run --quiet --package runner -- judge "$@"

# Say what got better and worse from one engine to another one: OLD NEW [threads] (versions or checkouts)
[group('validate')]
[no-exit-message]
upgrade *args:
    @exec cargo run --quiet --package runner -- upgrade "$@"

# Judge a history in Elle's EDN or JSON and name the strongest level of isolation: [--level LEVEL] FILE
[group('validate')]
[no-exit-message]
isolation *args:
    @exec cargo run --quiet --package isolation -- "$@"

# Prove that the cases can fail on other engines: [fjall|redb|surrealkv]; `MACE_PROD_ENGINE=redb just prod all` runs them
[group('validate')]
engines which="redb,fjall,surrealkv" *args:
    @which="$1"; shift; exec cargo nextest run --profile own --package mace-prod --features "$which" --test detects --test detects_power -E 'binary(detects_power) | test(/^adapters::/)' "$@"

# Write docs/engines.md, which cases run on which engine, from merged reports of runs: REPORT...
[group('develop')]
[no-exit-message]
by-engine *args:
    @exec cargo run --quiet --package runner -- by-engine "$@"

# List every knob, its value and its source
[group('set up')]
[no-exit-message]
knobs *args:
    @exec cargo run --quiet --package runner -- knobs "$@"

# Render the latest results as one HTML page and print its path
[group('validate')]
[no-exit-message]
report *args:
    @exec cargo run --quiet --package runner -- report "$@"

# Break the engine on purpose and see it caught: [NAME...] [--left-out|--mutants N] [--list] [--resume]
[group('validate')]
[no-exit-message]
detection *args:
    @exec cargo run --quiet --package runner -- detection "$@"

# Show which functions and regions of the engine no case reaches: [fast|stress|chaos|all...] [--threads N]
[group('validate')]
[no-exit-message]
coverage *args:
    @exec cargo run --quiet --package runner -- coverage "$@"

# List, export and try our fixes for known defects: [list|show ID|export FOLDER|try [ID...]|test|overlap]
[group('validate')]
[no-exit-message]
fixes *args:
    @exec cargo run --quiet --package runner -- fixes "$@"

# Write the pages of the findings: [issue ID] prints one as an issue's text
[group('validate')]
[no-exit-message]
findings *args:
    @exec cargo run --quiet --package runner -- findings "$@"

# Build the layers for shards: [fast|stress|chaos|all] [--to FOLDER]
[group('validate')]
[no-exit-message]
archive *args:
    @exec cargo run --quiet --package runner -- archive "$@"

# Run one shard of an archive: K/N [threads] [--archive FOLDER]
[group('validate')]
[no-exit-message]
shard *args:
    @exec cargo run --quiet --package runner -- shard "$@"

# Judge the results of all shards as one run: FOLDER...
[group('validate')]
[no-exit-message]
merge *args:
    @exec cargo run --quiet --package runner -- merge "$@"

# Measure and compare: snapshot, compare, costs, engines, selftest, calibrate, history, export
[group('measure')]
[no-exit-message]
perf *args:
    @exec cargo run --quiet --package perf -- "$@"

# Show what operations cost in small and in large databases: [MOST KEYS]
[group('measure')]
sizes *args:
    @exec cargo bench --quiet --package mace-prod --no-default-features --bench sizes -- "$@"

# Run the project's own tests and all layers: [--own] [threads]
[group('develop')]
[no-exit-message]
test *args:
    @exec cargo run --quiet --package runner -- test "$@"

# Build everything, benches included
[group('develop')]
build:
    cargo build --workspace --all-targets

# Build the documentation; warnings are errors
[group('develop')]
docs:
    RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps

# Build the packages of faultfs and isolation for crates.io; upload nothing
[group('develop')]
package:
    cargo publish --dry-run --package faultfs --package isolation

# Check formatting and lints in every build
[group('develop')]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo clippy --package mace-prod --all-targets --no-default-features -- --deny warnings
    cargo clippy --package mace-prod --all-targets --no-default-features --features extra_check -- --deny warnings
    cargo clippy --package mace-prod --all-targets --features fjall,redb,surrealkv -- --deny warnings

# Check the dependencies' licences, sources and advisories, with cargo-deny: [bans|licenses|sources|advisories...]
[group('develop')]
deny *checks:
    cargo deny --config .config/deny.toml --workspace --all-features check "$@"

# Break one of our own packages and see its tests say so, with cargo-mutants: PACKAGE [its arguments]
[group('develop')]
mutants package *args:
    @package="$1"; shift; exec target/tools/cargo/bin/cargo-mutants mutants --package "$package" --test-tool nextest --output target "$@" -- --profile own

# Install the newest stable toolchain, for `RUSTUP_TOOLCHAIN=stable just ...`
[group('set up')]
newest:
    rustup toolchain install stable --profile minimal --component clippy,rustfmt

# Install what `just coverage` reads counters with
[group('set up')]
llvm-tools:
    rustup component add llvm-tools

# Print lines by area, packages, cycles and longest names, beside those of COMMIT
[group('develop')]
house commit='f7aa537':
    @MACE_PROD_INTERNAL_SINCE="$1" cargo nextest run --cargo-quiet --profile own --package mace-prod --test tidy --no-capture --status-level none --final-status-level none -E 'test(=figures::the_house_can_be_measured)'

# Run what CI runs: lint, then test
[group('develop')]
ci: lint test

# Fetch what is missing: cargo-nextest; with --all what some own tests ask
[group('set up')]
[no-exit-message]
bootstrap *args:
    @exec cargo run --quiet --package runner -- bootstrap "$@"

# Let the gate use real-time priority and valgrind on this Linux host (sudo; asks first)
[confirm("Let chrt give any user's program real-time priority (setcap cap_sys_nice), and install valgrind?")]
[group('set up')]
perf-host:
    sudo setcap cap_sys_nice=eip "$(command -v chrt)"
    sudo apt-get update --quiet
    sudo apt-get install --quiet --yes --no-install-recommends valgrind
