"""The database that holds a ledger: connect, write as its only writer, outlast a lost server."""
