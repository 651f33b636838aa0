"""Child processes that end with this process."""

import os
import signal
import sys
from collections.abc import Sequence

# The prctl(2) belongs between fork and exec. A preexec_fn may deadlock where there are threads, this cannot.
# A parent that died before the call sends no signal any more, hence the look at getppid.
_TIED = """\
import ctypes, os, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sys.argv[1]))
if os.getppid() != int(sys.argv[2]):
    sys.exit("the parent is gone")
try:
    os.execvp(sys.argv[3], sys.argv[3:])
except OSError as error:
    sys.exit(f"cannot run {sys.argv[3]}: {error}")
"""


def tied_to_this_process(command: Sequence[str]) -> list[str]:
    """Return a command that gets SIGTERM when this process ends, however it ends.

    Linux sends the signal when the *thread* that started the command ends: start it from one that stays.
    """
    return [sys.executable, "-I", "-S", "-c", _TIED, str(int(signal.SIGTERM)), str(os.getpid()), *command]
