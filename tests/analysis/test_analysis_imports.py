"""Reading results loads no drawing library until something is drawn, and never Ray."""

import subprocess
import sys

PROGRAM = """
import sys
import analysis
light = len([name for name in sys.modules if name.partition(".")[0] in ("nas", "torch", "rich")])
import analysis.architecture_table, analysis.front.queries, analysis.front.picture
import analysis.front.table
print(light, [name for name in ("matplotlib", "plotly", "ray") if name in sys.modules])
"""


def test_import_is_light() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0 []"
