module rootgate/tests/clients/note

// The oldest that CI runs with: Debian 12's.
go 1.19

require golang.org/x/mod v0.17.0
