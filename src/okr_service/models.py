"""Every table, for migrations and checks."""

from okr_service.actions import model as _actions
from okr_service.audit import model as _audit
from okr_service.broker import model as _broker
from okr_service.checkins import model as _checkins
from okr_service.credentials import model as _credentials
from okr_service.cycles import model as _cycles
from okr_service.events import model as _events
from okr_service.feeds import model as _feeds
from okr_service.identity import model as _identity
from okr_service.imports import model as _imports
from okr_service.kernel import idempotency as _idempotency
from okr_service.kernel.model import Model
from okr_service.limits import model as _limits
from okr_service.objectives import model as _objectives
from okr_service.organisation import model as _organisation
from okr_service.reminders import model as _reminders
from okr_service.rollup import model as _rollup
from okr_service.scim import model as _scim
from okr_service.webhooks import model as _webhooks

ROOMS = (
    _actions,
    _audit,
    _broker,
    _checkins,
    _credentials,
    _cycles,
    _events,
    _feeds,
    _idempotency,
    _identity,
    _imports,
    _limits,
    _objectives,
    _organisation,
    _reminders,
    _rollup,
    _webhooks,
    _scim,
)
METADATA = Model.metadata
