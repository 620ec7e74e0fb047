"""What can go wrong with exports."""

from dataclasses import dataclass

from okr_service.kernel.errors import NotAcceptable


@dataclass(eq=False)
class FormNotInstalled(NotAcceptable):
    """This service cannot write {form}: it is installed without its extra {extra}."""

    form: str
    extra: str
