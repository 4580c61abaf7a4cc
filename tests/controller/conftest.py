from tests.controller.controller_support import problem

__all__ = ["problem"]
