"""The server of the page."""

import contextlib
import pathlib
import re
import threading
import urllib.error
import urllib.request

import pytest

from hwgan.runtime.errors import UserError
from hwgan.web import build_site, make_server


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "model").mkdir(parents=True)
    (folder / "index.html").write_text("<title>hwgan</title>")
    (folder / "model" / "model.json").write_text("{}")
    (folder / "runtime.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("secret")
    return folder


@contextlib.contextmanager
def served(site, model=""):
    with make_server(site, 0, model) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read(), answer.headers["Content-Type"]


def test_files_of_the_site_are_served(site):
    with served(site) as url:
        assert fetch(f"{url}/") == (b"<title>hwgan</title>", "text/html")
        assert fetch(f"{url}/runtime.wasm") == (b"\0asm", "application/wasm")  # else it is not compiled while it loads
        assert fetch(f"{url}/model/model.json")[0] == b"{}"
        for path in ("/../secret", "/%2e%2e/secret", "/model/../../secret", "/model/%2e%2e/%2e%2e/secret"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                fetch(url + path)


def test_networks_of_another_checkpoint(site, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.json").write_text('{"format": 1}')
    (site / "model" / "model.json").unlink()
    with served(site, str(other)) as url:
        assert fetch(f"{url}/model/model.json?x=1")[0] == b'{"format": 1}'
        assert fetch(f"{url}/index.html")[0] == b"<title>hwgan</title>"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(f"{url}/model/../../secret")


def test_networks_of_another_folder_are_not_taken_for_those_of_now(site, tmp_path):
    """A browser that has seen newer files asks for what is newer still."""
    headers = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    with served(site) as url:
        request = urllib.request.Request(f"{url}/model/model.json", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")


def test_the_policy_of_the_page_is_that_of_every_answer(site):
    """Workers have the policy of their own answer, and other servers none but that in the page."""
    page = (pathlib.Path(__file__).parent.parent / "web" / "index.html").read_text()
    (written,) = re.findall(r'content="(default-src [^"]*)"', page)
    with served(site) as url, urllib.request.urlopen(f"{url}/runtime.wasm", timeout=60) as answer:
        assert answer.headers["Content-Security-Policy"] == f"{written}; frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_missing_is_said(site, tmp_path):
    with pytest.raises(UserError, match=r"there is no page in .*make web"):
        make_server(tmp_path, 0)
    with make_server(site, 0) as server, pytest.raises(UserError, match=f"port {server.server_port}: .*--port="):
        make_server(site, server.server_port)
    with pytest.raises(UserError, match="no source of the page"):
        build_site(tmp_path, "")


def test_a_request_under_another_name_is_refused(site):
    with served(site) as url:
        for host, allowed in (
            ("localhost:1", True),
            ("127.0.0.1", True),
            ("evil.example", False),
            ("evil:8000", False),
        ):
            request = urllib.request.Request(f"{url}/model/model.json", headers={"Host": host})
            if allowed:
                assert urllib.request.urlopen(request, timeout=60).read() == b"{}"
            else:
                with pytest.raises(urllib.error.HTTPError, match="403"):
                    urllib.request.urlopen(request, timeout=60)


def test_a_built_page_can_be_read_by_a_web_server(tmp_path, monkeypatch):
    source = tmp_path / "web"
    source.mkdir()
    (source / "package.json").write_text("{}")

    def export(checkpoint, step, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.json").write_text("{}")

    monkeypatch.setattr("hwgan.web._export", export)
    monkeypatch.setattr("hwgan.web._npm", lambda: (["npm"], {}))
    monkeypatch.setattr("hwgan.web._run_npm", lambda source, npm, environment: (source / "dist").mkdir())
    built = build_site(source, "")
    assert (built / "model" / "model.json").read_text() == "{}"
    assert (built / "model").stat().st_mode & 0o055 == (built.stat().st_mode & 0o055)
