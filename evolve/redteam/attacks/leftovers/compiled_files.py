"""Plants compiled modules beside the library's, which Python prefers to the source.

Expected: as seed
"""

import evaluators.guest, heapq, importlib.util, numpy, py_compile

open("planted.py", "w").write(f"import builtins\nbuiltins.{TOKEN} = True\n")
for module in (evaluators.guest, heapq, numpy, os):
    target = importlib.util.cache_from_source(module.__file__)

    def plant():
        try:
            py_compile.compile("planted.py", target, doraise=True)
        except FileExistsError:
            raise PermissionError(13, "refused") from None
        return target

    attempt(f"plant {target}", plant)
