"""Golden files: what searches and replays do, decision by decision, held as text.

``files/NAME.json`` is the record of one scenario of :mod:`.replays` or :mod:`.searches`:

- of a replay on the table that ships: the proposals in order, the decisions at rungs in order, what
  ended (when on the simulated clock, after how many epochs, whether complete), and the front;
- of a search of a small space: every row of the ledger, every repeat, the order in which trainings
  began, paused, went on, stopped and ended, the rejections, and the front.

Nothing is trained. Accuracies, durations, latencies and failures of a search are closed formulas of
the architecture in whole numbers (:mod:`.formulas`); a replay's are the table's. A search runs in
one process without Ray: its jobs run as they would on workers, on a simulated clock, so that four
workers are asynchronous and yet the same each time. Tests marked ``ray`` show that a real Ray run
makes the same records. A search whose driver dies has its ledger in a SQLite file, and a new driver
resumes it from there; the other ledgers are in memory, which is ten times as fast.

The tests compare to the byte. :mod:`.drive` is the only file that knows the search's interfaces: a
restructuring edits that one, and leaves the files as they are. Linear algebra has one thread
(:func:`.record.conditions`), whatever the environment says.

Where a change means to decide otherwise, record again and state the difference in the CHANGELOG:

    python -m tests.golden.record              # rewrite all files
    python -m tests.golden.record NAME ...     # or some
    git diff tests/golden/files
"""
