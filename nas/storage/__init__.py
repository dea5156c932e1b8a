"""What a run keeps on disk: its folder, its ledger, its candidates and its trained networks."""
