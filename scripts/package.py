#!/usr/bin/env python3
"""Makes a Debian package of what `make build` has built. Compiles nothing and needs no network.

Tauri's own bundler makes it, from the `bundle` section of src-tauri/tauri.conf.json. What is known only after the build is added here: the
worker without its symbols, the libraries and the processor that the programs need, the licences of what is linked in, the version.
"""
import email.utils
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

NAME = "align-pro-studio"
DOC = f"/usr/share/doc/{NAME}"
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"


def output(*command, cwd=ROOT):
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def dependencies(stage, worker):
    """Debian packages of the libraries that both programs are linked with, at the versions that have the functions used."""
    # dpkg-shlibdeps wants the programs in the layout of a package's source.
    layout = stage / "debian" / NAME
    (layout / "DEBIAN").mkdir(parents=True)
    (stage / "debian/control").write_text(f"Source: {NAME}\n\nPackage: {NAME}\nArchitecture: any\n")
    programs = [shutil.copy(path, layout) for path in (BUILT / NAME, worker)]
    found = output("dpkg-shlibdeps", "-O", *programs, cwd=stage)
    return found.strip().removeprefix("shlibs:Depends=").split(", ")


def instructions():
    """The processor's instructions that were compiled for and that not every processor has, named as in the template `preinst`."""
    flags = os.environ.get("RUSTFLAGS", "").split() or tomllib.loads((ROOT / ".cargo/config.toml").read_text())["build"]["rustflags"]
    features = re.findall(r'target_feature="(.+)"', output("rustc", "--print", "cfg", *flags))
    named = [feature.replace(".", "").replace("_", "") for feature in features]
    return [name for name in named if re.fullmatch(r"avx.*|bmi.*|f16c|fma|gfni|movbe|vaes|vpclmulqdq|sse4[12]", name)]


def linked():
    """Name and folder of every crate and npm package of which something is in the programs."""
    tree = output("cargo", "tree", "--locked", "--offline", "-p", "worker", "-p", NAME, "-e", "normal", "--prefix", "none", "-f", "{p}")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    for package in json.loads(output("cargo", "metadata", "--locked", "--offline", "--format-version", "1"))["packages"]:
        if package["source"] and (package["name"], "v" + package["version"]) in wanted:
            yield f"{package['name']} {package['version']} ({package['license']})", pathlib.Path(package["manifest_path"]).parent
    for folder, package in json.loads((ROOT / "ui/package-lock.json").read_text())["packages"].items():
        # Svelte is a tool and also a part of the pages.
        if folder and (not package.get("dev") or folder in ("node_modules/svelte", "node_modules/clsx")):
            yield f"{folder.removeprefix('node_modules/')} {package['version']} ({package['license']})", ROOT / "ui" / folder


def notices():
    """The licences of what is linked in: each text once, under the names of those who use it."""
    users = {}
    for name, folder in linked():
        files = sorted(path for path in folder.iterdir() if path.is_file() and re.match(r"(?i)(un)?licen[sc]e|copying|notice|copyright", path.name))
        for text in [path.read_text(errors="replace").strip() for path in files] or ["(The licence is the named one; there is no file of it.)"]:
            users.setdefault(text, []).append(name)
    parts = ["\n".join([*sorted(names), "", text, "=" * 80]) for text, names in sorted(users.items(), key=lambda item: item[1])]
    return "\n\n".join(["What is linked in, unchanged; the sources are published under these names and versions.\n" + "=" * 80, *parts]) + "\n"


def changelog(version):
    """One entry, which says what was built; a package has to have one."""
    known = (ROOT / ".git").exists()
    source = "commit " + output("git", "describe", "--always", "--dirty").strip() if known else "sources without their history"
    date = email.utils.formatdate(float(output("git", "log", "-1", "--format=%ct")) if known else None)
    maintainer = json.loads((ROOT / "src-tauri/tauri.conf.json").read_text())["bundle"]["publisher"]
    return f"{NAME} ({version}) unstable; urgency=medium\n\n  * Built from {source}.\n\n -- {maintainer}  {date}\n"


def main():
    for tool, package in (("dpkg-shlibdeps", "dpkg-dev"), ("strip", "binutils")):
        if not shutil.which(tool):
            sys.exit(f"package: {tool} is not here. A .deb is made on Debian or a relative, with {package} (part of build-essential).")
    members = json.loads(output("cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"))["packages"]
    version = next(member["version"] for member in members if member["name"] == NAME)
    with tempfile.TemporaryDirectory() as folder:
        stage = pathlib.Path(folder)
        worker = stage / "alignpro"
        subprocess.run(["strip", "-o", worker, BUILT / "alignpro"], check=True)
        preinst = (ROOT / "src-tauri/package/preinst").read_text().replace("@INSTRUCTIONS@", " ".join(instructions()))
        (stage / "preinst").write_text(preinst)
        (stage / "changelog").write_text(changelog(version))
        (stage / "third-party.gz").write_bytes(gzip.compress(notices().encode(), mtime=0))
        deb = {
            "depends": dependencies(stage, worker),
            "preInstallScript": str(stage / "preinst"),
            "changelog": str(stage / "changelog"),
            # The window looks for its worker beside itself.
            "files": {"/usr/bin/alignpro": str(worker), f"{DOC}/third-party.gz": str(stage / "third-party.gz")},
        }
        # Files are named after the product, and theirs are without spaces.
        config = {"productName": NAME, "bundle": {"linux": {"deb": deb}}}
        # On a copy: the bundler touches the program, which then seems to cargo newer than it is.
        release = stage / "target/release"
        release.mkdir(parents=True)
        shutil.copy(BUILT / NAME, release)
        command = [ROOT / "ui/node_modules/.bin/tauri", "bundle", "--bundles", "deb", "--ci", "--no-binary-patching", "--config", json.dumps(config)]
        environment = os.environ | {"CARGO_TARGET_DIR": str(stage / "target")}
        bundler = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if bundler.returncode:
            sys.exit(f"package: Tauri's bundler failed:\n{bundler.stdout}")

        bundles = BUILT / "bundle/deb"
        shutil.rmtree(bundles, ignore_errors=True)
        bundles.mkdir(parents=True)
        made = pathlib.Path(shutil.move(next(release.glob("bundle/deb/*.deb")), bundles))
    print(f"{os.path.relpath(made)} ({made.stat().st_size / 1e6:.1f} MB)")


main()
