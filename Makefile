# Every task of the project, each a few lines over cargo and scripts/.
.PHONY: run test lint fmt golden faults plans figures bench bench-full schemathesis rehearse ci

# The whole product on one machine, with a demo company.
run:
	scripts/install-system run
	cargo build --release -p sayso
	SAYSO_DATA_DIR=$${SAYSO_DATA_DIR:-$$(scripts/data-dir)} exec "$${CARGO_TARGET_DIR:-target}/release/sayso" serve --demo

# Every test, with a PostgreSQL and a Redis of their own.
test:
	scripts/test

# The tests that break something on purpose (modules named `faults`), in their
# full form; the results go into docs/testing.md.
faults:
	scripts/faults

# What needs no server: formatting, lints, documentation, what comes in from outside.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --workspace --no-deps --document-private-items
	scripts/deny

fmt:
	cargo fmt --all

# The reviewed outputs in golden/, and docs/schema.md, written anew. What every
# route costs, and the examples of the document, come from calling it, and so does
# the matrix of rights; the document from the binary, before the calls, which ask
# it for the kinds of facts, and after them, with their examples; the schema and
# the plans of statements each from a PostgreSQL of its own.
golden:
	cargo xtask golden
	SAYSO_GOLDEN=write scripts/test every_operation_keeps_the_rules_of_all
	cargo xtask golden
	scripts/schema
	scripts/plans golden
	scripts/matrix

# How long every statement takes in a company of 1,000,000 tasks, 5,000,000
# messages, 10,000 people and 2,000 channels; the table goes into docs/plans.md.
plans:
	scripts/plans

# What authentication costs, of an optimised build.
figures:
	scripts/figures

# Sayso beside the stack of the original plan, into bench/RESULTS.md: in less than
# ten minutes, or everything.
bench bench-full:
	scripts/bench $@

# Every operation of the OpenAPI document tried with made-up input, as a CEO, a
# manager and one of the staff.
schemathesis:
	scripts/schemathesis

# A bad night and a recovery to a moment, on servers of their own; the results
# go into docs/operations.md.
rehearse:
	scripts/install-system test
	cargo build -p sayso
	scripts/rehearse
	scripts/rehearse-pitr

# What must be green before a change is merged.
ci:
	.ci/run
