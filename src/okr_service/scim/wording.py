"""What went wrong, in SCIM's form (RFC 7644, 3.12) and the caller's language."""

from http import HTTPStatus

from scim2_models import Error, SCIMException

from okr_service.kernel import errors
from okr_service.kernel.errors import InvalidInput, InvalidQuery, OkrError
from okr_service.kernel.messages import Language, field_message, sentence
from okr_service.scim.errors import UserNameTaken

_INVALID, _SYNTAX, _UNIQUE = "invalidValue", "invalidSyntax", "uniqueness"
_TYPES: dict[type[OkrError], str] = {
    errors.ExternalIdTaken: _UNIQUE,
    UserNameTaken: _UNIQUE,
    errors.MalformedJson: _SYNTAX,
    errors.NotUtf8: _SYNTAX,
    errors.Invalid: _INVALID,
}
# What the organisation calls otherwise.
_ATTRIBUTES = {
    "/user_name": "userName",
    "/formatted": "name.formatted",
    "/family_name": "name.familyName",
    "/given_name": "name.givenName",
    "/middle_name": "name.middleName",
    "/name": "displayName",
    "/email": "emails.value",
    "/job_title": "title",
    "/external_id": "externalId",
    "/unit_id": "department",
    "/parent_id": "parent.value",
    "/manager_id": "manager.value",
}
# The library speaks English only: what it says is told after what it comes to.
_VIETNAMESE: dict[str | int, str] = {
    "invalidFilter": "Bộ lọc không đúng cú pháp, hoặc thuộc tính này không lọc được như vậy.",
    "tooMany": "Có quá nhiều kết quả để trả về một lần.",
    "uniqueness": "Giá trị này đã có ở một tài nguyên khác.",
    "mutability": "Thuộc tính này không sửa được.",
    "invalidSyntax": "Nội dung yêu cầu không đúng cú pháp.",
    "invalidPath": "Đường dẫn trong thao tác PATCH không đúng.",
    "noTarget": "Đường dẫn không trỏ tới giá trị nào.",
    "invalidValue": "Thiếu một giá trị, hoặc giá trị không phù hợp.",
    "invalidVers": "Không hỗ trợ phiên bản SCIM này.",
    "sensitive": "Không gửi dữ liệu nhạy cảm trong địa chỉ.",
    "invalidCursor": "Con trỏ không phải của danh sách này.",
    "expiredCursor": "Con trỏ đã hết hạn; hãy đọc lại từ đầu.",
    "invalidCount": "`count` phải như lần hỏi đầu.",
    HTTPStatus.FORBIDDEN: "Không được phép làm việc này.",
    HTTPStatus.NOT_FOUND: "Không có tài nguyên này.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Địa chỉ này không nhận phương thức đó.",
    HTTPStatus.CONFLICT: "Trạng thái hiện tại không cho phép việc này.",
    HTTPStatus.PRECONDITION_FAILED: "Tài nguyên đã thay đổi từ lúc bạn đọc.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Nội dung yêu cầu quá lớn.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Hãy gửi dạng application/scim+json.",
    HTTPStatus.NOT_IMPLEMENTED: "Dịch vụ không hỗ trợ việc này.",
}


def of_ours(error: OkrError, status: int, language: Language) -> Error:
    """Return an error of the service's; `status` is that of REST."""
    kind = next((_TYPES[each] for each in type(error).__mro__ if each in _TYPES), None)
    if error.pointer is not None and isinstance(error, errors.NotFound):
        status, kind = HTTPStatus.BAD_REQUEST, _INVALID  # what it refers to is not there
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
    detail = sentence(error, language)
    if error.pointer is not None:
        detail = f"{_attribute(error.pointer)}: {detail}"
    if isinstance(error, InvalidInput | InvalidQuery):
        told = (f"{_attribute(e.pointer)}: {field_message(e, language)}" for e in error.errors)
        detail = " ".join((detail, *told))
    return Error(status=status, scim_type=kind, detail=detail)


def of_protocol(error: SCIMException, language: Language) -> Error:
    """Return an error of the protocol's, or the one of ours that it was made of."""
    told = error.to_error()
    if isinstance(error.__cause__, OkrError):
        return of_ours(error.__cause__, told.status or 0, language)
    if language == "en":
        return told
    in_general = _VIETNAMESE.get(told.scim_type or "") or _VIETNAMESE.get(told.status or 0)
    detail = f"{in_general} ({told.detail})" if in_general else told.detail
    return Error(status=told.status, scim_type=told.scim_type, detail=detail)


def _attribute(pointer: str) -> str:
    return _ATTRIBUTES.get(pointer, pointer.removeprefix("/"))
