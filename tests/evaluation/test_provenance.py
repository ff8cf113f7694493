"""The commit in results."""

import subprocess

from hwgan.evaluation.provenance import commit


def test_commit(tmp_path):
    assert commit(tmp_path) == ""
    package = tmp_path / "package"
    (package / "evaluation").mkdir(parents=True)
    (package / "evaluation" / "provenance.py").write_text("")
    (package / "evaluator.py").write_text("")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert commit(package) == ""  # in somebody else's checkout
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "all"], check=True)
    clean = commit(package)
    assert len(clean) == 40
    (package / "evaluator.py").write_text("changed")
    assert commit(package) == clean + "+changes"
