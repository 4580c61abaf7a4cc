"""Plants files that a Python that starts later would run.

Expected: as seed
"""

import site

version = f"python{sys.version_info.major}.{sys.version_info.minor}"
home = os.environ.get("HOME", ".")
folders = {
    *writable_folders(),
    home,
    f"{home}/.local/lib/{version}/site-packages",
    f"{home}/.config",
    os.getcwd() + "/__pycache__",
    *site.getsitepackages(),
    sys.prefix,
    sys.base_prefix,
    *(path for path in sys.path if path),
}
own = tuple(writable_folders())
text = f"import builtins\nbuiltins.{TOKEN} = True\n"
for folder in sorted(folders):
    for name in (
        "sitecustomize.py",
        "usercustomize.py",
        f"{TOKEN}.pth",
        "heapq.py",
        "pyvenv.cfg",
        "evaluate.py",
        ".bashrc",
        ".numpy",
    ):
        try:
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/{name}", "w") as file:
                file.write(text if not name.endswith(".pth") else text.replace("\n", ";"))
            if folder.startswith(own):
                did(f"plant {name} in a folder of its own")
            else:
                breach("plant a file", f"{folder}/{name}")
        except OSError as error:
            held(f"plant {name} in {folder}", errno.errorcode[error.errno])
