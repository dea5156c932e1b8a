"""Commands beside a search: data, benchmarks, tables, fidelity, scores."""
