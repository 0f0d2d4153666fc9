"""The ground floor: table declarations, value types and errors. Imports pyarrow at most."""
