"""Making of what somebody sends an operation that can be answered."""

from dataclasses import dataclass

from okr_service.access.policy import Principal
from okr_service.graphql.asked import Asked
from okr_service.graphql.documents import Documents
from okr_service.graphql.operations import Operations, Prepared
from okr_service.graphql.parameters import Parameters
from okr_service.kernel.messages import Language
from okr_service.serving import Exchange, Service


@dataclass(frozen=True)
class Intake:
    """What it takes to read an operation, whichever way it comes."""

    operations: Operations
    documents: Documents

    def prepared(self, given: Parameters) -> Prepared:
        """Return the operation that is meant.

        Raises:
            DocumentErrors, and what `Documents.document` and `Operations.prepare` raise.
        """
        text = self.documents.document(given.query, given.document_id, given.digest)
        return self.operations.prepare(text, given.operation_name)

    def asked(
        self,
        prepared: Prepared,
        given: Parameters,
        service: Service,
        who: Principal,
        language: Language,
        exchange: Exchange,
    ) -> Asked:
        """Return the operation as somebody asks it; raises DocumentErrors, InvalidReadAfter."""
        variables = self.operations.variables(prepared, given.variables)
        of = (prepared, given.variables, variables)
        reads = service.reads(exchange)
        return Asked(self.operations, service, who, language, *of, exchange, reads)
