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
    @exec cargo run --quiet --package prod -- run "$@"

# Soak: stress each cycle, chaos and perf snapshots at their cadence: [--resume] [--shard k/n]
[group('validate')]
[no-exit-message]
soak *args:
    @exec cargo run --quiet --package prod -- soak "$@"

# Run one case again with its output: CASE SEED [--plain]
[group('validate')]
[no-exit-message]
repro *args:
    @exec cargo run --quiet --package prod -- repro "$@"

# Show every knob, its value, and where it came from
[group('validate')]
[no-exit-message]
knobs *args:
    @exec cargo run --quiet --package prod -- knobs "$@"

# Measure the engine and compare versions: snapshot, compare [BASE], selftest, calibrate, engines A B, history CASE, export
[group('validate')]
[no-exit-message]
perf *args:
    @exec cargo run --quiet --package perf -- "$@"

# Run what a change must pass: the project's own tests and all layers
[group('develop')]
[no-exit-message]
test *args:
    @exec cargo run --quiet --package prod -- test "$@"

# Check formatting and lints, with and without failpoints
[group('develop')]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo clippy --package mace-prod --all-targets --no-default-features -- --deny warnings

# Run lint, then test
[group('develop')]
ci: lint test

# Fetch cargo-nextest when it is missing
[group('develop')]
[no-exit-message]
bootstrap:
    @exec cargo run --quiet --package prod -- bootstrap
