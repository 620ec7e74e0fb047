"""What can stand between an event and the broker; nobody is answered with it."""


class Away(Exception):
    """The broker cannot be reached, does not answer, or takes nothing of anybody."""


class Refused(Exception):
    """The broker does not take this one event."""


class Overtaken(Exception):
    """Something was stored on the subject since it was looked at."""
