"""Make the clone ready to run, from the lock files of Python's and npm's packages.

    python3 tools/setup.py

Works on a Debian machine with Python ≥ 3.11 and nothing else; standard library only. Everything
goes into the clone: uv into .tools, packages into .venv and frontend/node_modules, the pages' files
into src/onefold/web/static/vendor, the browser SDK into src/onefold/collect/vendor. Each step
leaves a stamp of what it was made from, so that a second run with nothing changed ends at once.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
MODULES = FRONTEND / "node_modules"
VENDOR = ROOT / "src/onefold/web/static/vendor"
SDK = ROOT / "src/onefold/collect/vendor"  # the browser SDK that the collector serves
SDK_PACKAGE = "@segment/analytics-next"
UV_VERSION = "0.13.9"
PYTHON_MIN = (3, 11)
PYTHON = str(getattr(sys, "_base_executable", sys.executable))  # not that of a venv in use

FONT = "inter-{}-wght-normal.woff2"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "echarts/LICENSE": "echarts.LICENSE.txt",
    "echarts/NOTICE": "echarts.NOTICE.txt",
    "@fontsource-variable/inter/LICENSE": "inter.LICENSE.txt",
} | {
    f"@fontsource-variable/inter/files/{FONT.format(part)}": FONT.format(part)
    for part in ("latin", "latin-ext", "cyrillic", "greek")
}


def main() -> None:
    """Run the steps whose inputs have changed."""
    _right_python()
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, inputs, outputs, step in (
            ("venv", [ROOT / "uv.lock", ROOT / "pyproject.toml"], [VENV / "bin/onefold"], packages),
            (
                "frontend",
                [FRONTEND / "package-lock.json", FRONTEND / "package.json"],
                [MODULES, SDK / "index.js", *(VENDOR / name for name in FILES.values())],
                frontend,
            ),
        ):
            stamp = TOOLS / f"{name}.stamp"
            wanted = _digest(inputs)
            fresh = stamp.exists() and stamp.read_text() == wanted
            if not fresh or not all(path.exists() for path in outputs):
                stamp.unlink(missing_ok=True)
                step()
                stamp.write_text(wanted)


def packages() -> None:
    """.venv from uv.lock."""
    uv = _uv()
    debian.say("Python packages → .venv …")
    _run([str(uv), "sync", "--locked", "--quiet"], ROOT)


def frontend() -> None:
    """node_modules from package-lock.json, by the npm in .venv; the pages' files out of it."""
    debian.say("scripts and fonts of the pages, browser SDK → src/onefold/*/…/vendor …")
    _run([str(VENV / "bin/npm"), "ci", "--silent"], FRONTEND)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        shutil.copyfile(MODULES / source, VENDOR / name)
    shutil.rmtree(SDK, ignore_errors=True)
    SDK.mkdir(parents=True)
    package = MODULES / SDK_PACKAGE
    for path in [*package.glob("dist/umd/*.js"), package / "LICENSE.MD"]:
        shutil.copyfile(path, SDK / path.name)


def _uv() -> Path:
    """The pinned uv, in an environment of its own."""
    home = TOOLS / f"uv-{UV_VERSION}"
    uv = home / "bin/uv"
    if uv.exists():
        return uv
    debian.say(f"uv {UV_VERSION} → .tools …")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        if not debian.install(package) and not debian.install("python3-venv"):
            raise SystemExit(
                "Python's `venv` and `ensurepip` are missing, and installing them needs root.\n"
                f"Run this, then again what you ran:\n\n{debian.how_to(package)}\n"
            ) from None
    shutil.rmtree(home, ignore_errors=True)
    new = TOOLS / "uv.new"
    shutil.rmtree(new, ignore_errors=True)
    _run([PYTHON, "-m", "venv", str(new)], ROOT)
    pip = [str(new / "bin/python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"]
    _run([*pip, "--disable-pip-version-check"], ROOT)
    new.rename(home)  # uv's own file does not care where it lies
    return uv


def _run(command: list[str], folder: Path) -> None:
    """Run a step in a quiet environment; end with its own words when it fails."""
    env = {
        **os.environ,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON": PYTHON,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    env.pop("VIRTUAL_ENV", None)
    env.pop("PYTHONHOME", None)
    if not os.access(Path.home(), os.W_OK):  # a service user: caches go into the clone
        env |= {
            "HOME": str(TOOLS),
            "UV_CACHE_DIR": str(TOOLS / "cache/uv"),
            "PIP_CACHE_DIR": str(TOOLS / "cache/pip"),
            "npm_config_cache": str(TOOLS / "cache/npm"),
        }
    with tempfile.TemporaryFile() as words:
        quiet = {} if sys.stderr.isatty() else {"stdout": words, "stderr": subprocess.STDOUT}
        code = subprocess.run(command, cwd=folder, env=env, check=False, **quiet).returncode
        if code:
            words.seek(0)
            debian.say(words.read().decode("utf-8", "replace"))
            raise SystemExit(f"`{' '.join(command)}` failed with {code}; see above.")


def _right_python() -> None:
    """Go on under a Python that is new enough, if there is one."""
    if sys.version_info >= PYTHON_MIN:
        return
    for minor in range(14, PYTHON_MIN[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            os.execv(found, [found, *sys.argv])
    raise SystemExit(
        f"Onefold needs Python ≥ 3.11; this is {sys.version.split()[0]}. Install a newer one, "
        "and name it: make PYTHON=/path/to/python3.12 …"
    )


def _digest(inputs: list[Path]) -> str:
    """What a step was made from: files, this script, the interpreter and the clone's place."""
    digest = hashlib.sha256(f"{ROOT}\0{PYTHON}\0{sys.version}".encode())
    for path in [Path(__file__), *inputs]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
