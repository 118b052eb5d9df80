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

# Show what the last runs left as one HTML page, and print where it is
[group('validate')]
[no-exit-message]
report *args:
    @exec cargo run --quiet --package prod -- report "$@"

# Build the layers once, for shards: [fast|stress|chaos|all] [--to FOLDER]
[group('validate')]
[no-exit-message]
archive *args:
    @exec cargo run --quiet --package prod -- archive "$@"

# Run one slice of the archives: K/N [threads] [--archive FOLDER]
[group('validate')]
[no-exit-message]
shard *args:
    @exec cargo run --quiet --package prod -- shard "$@"

# Judge the results of all shards as one run: FOLDER...
[group('validate')]
[no-exit-message]
merge *args:
    @exec cargo run --quiet --package prod -- merge "$@"

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
