"""What errors say in Vietnamese, by code."""

SENTENCES: dict[str, str] = {
    # kinds
    "malformed": "Không đọc được yêu cầu.",
    "unauthenticated": "Yêu cầu không có thông tin xác thực hợp lệ.",
    "forbidden": "Thông tin xác thực này không được phép làm việc đó.",
    "not-found": "Không tồn tại.",
    "conflict": "Trạng thái hiện tại không cho phép.",
    "gone": "Dữ liệu này không còn được lưu.",
    "precondition-failed": "Dữ liệu đã thay đổi kể từ khi được đọc.",
    "precondition-required": "Ở đây cần có tiêu đề If-Match.",
    "too-large": "Nội dung yêu cầu quá lớn.",
    "unsupported-media": "Không chấp nhận kiểu nội dung này.",
    "not-acceptable": "Không thể trả lời bằng kiểu nội dung mà yêu cầu chấp nhận.",
    "invalid": "Dữ liệu vi phạm một quy tắc.",
    "throttled": "Có quá nhiều yêu cầu; xin thử lại sau {retry_after} giây.",
    "unavailable": "Dịch vụ tạm thời chưa trả lời được; xin thử lại sau giây lát.",
    # any room
    "invalid-input": "Một số trường không phù hợp.",
    "invalid-query": "Một số tham số truy vấn không phù hợp.",
    "invalid-cursor": "Con trỏ không phải của danh sách này với bộ lọc và thứ tự này.",
    "invalid-read-after": "Okr-Read-After không phải là Okr-Written-At của một câu trả lời.",
    "version-mismatch": "Dữ liệu đã thay đổi từ khi bạn đọc; hãy đọc lại rồi sửa lại.",
    "already-exists": "Đã tồn tại, mà If-None-Match yêu cầu chỉ tạo mới.",
    "reference-gone": "Dữ liệu được tham chiếu ở đây vừa bị xóa.",
    "still-in-use": "Còn dữ liệu khác phụ thuộc vào đây nên không thể xóa.",
    "external-id-taken": "Mã ngoài {external_id} đã được dùng.",
    "statement-too-long": "Cơ sở dữ liệu cần nhiều thời gian hơn mức một câu lệnh được phép.",
    "locked-too-long": "Người khác đang thay đổi cùng dữ liệu quá lâu; chưa có gì được lưu.",
    "database-unavailable": "Không kết nối được cơ sở dữ liệu hoặc đã hết kết nối rảnh.",
    "idempotency-key-reused": "Idempotency-Key này đã được dùng với một yêu cầu khác.",
    "idempotency-key-in-flight": "Một yêu cầu với Idempotency-Key này còn đang được xử lý.",
    "first-answer-erased": "Câu trả lời đầu tiên cho yêu cầu này chứa dữ liệu cá nhân "
    "đã được xóa; yêu cầu không được thực hiện lại.",
    "secret-shown-once": "Việc này đã được thực hiện: {made} đã có, nhưng bí mật của nó chỉ "
    "hiện một lần và không được lưu lại.",
    # protocol
    "malformed-json": "Nội dung không phải JSON hợp lệ; xem dòng {line}, cột {column}.",
    "not-utf8": "Nội dung không phải UTF-8; xem byte thứ {position}.",
    "bad-request": "Không đọc được yêu cầu.",
    "body-too-large": "Nội dung lớn hơn mức dịch vụ chấp nhận ở đây.",
    "unsupported-media-type": "Hãy gửi nội dung dưới dạng {expected}.",
    "not-acceptable-media-type": "Câu trả lời này chỉ có dạng application/json.",
    "route-not-found": "Không có gì ở địa chỉ này.",
    "method-not-allowed": "Địa chỉ này không nhận phương thức đó.",
    "wrong-method": "Địa chỉ này không nhận phương thức đó.",
    "missing-if-match": "Hãy gửi ETag đã đọc trong If-Match.",
    "invalid-idempotency-key": "Idempotency-Key gồm 1 đến 255 ký tự ASCII in được.",
    "internal-error": "Dịch vụ gặp lỗi; lỗi đã được ghi lại.",
    "request-too-slow": "Yêu cầu không đến đủ trong {seconds} giây.",
    "answer-too-slow": "Dịch vụ không kịp trả lời trong {seconds} giây dành cho một yêu cầu.",
    # limits
    "too-many-requests": "Đã vượt quá {limit} yêu cầu mỗi phút được phép; "
    "xin thử lại sau {retry_after} giây.",
    "too-many-failures": "Địa chỉ của bạn đã gửi quá nhiều thông tin xác thực không hợp lệ; "
    "xin thử lại sau {retry_after} giây.",
    # access
    "missing-credential": "Hãy gửi khóa API hoặc access token trong tiêu đề "
    "Authorization, dạng bearer token.",
    "invalid-credential": "Thông tin xác thực này không tồn tại, đã hết hạn hoặc đã bị thu hồi.",
    "not-permitted": "Việc này cần quyền {permission}, mà thông tin xác thực không có.",
    # credentials
    "api-key-not-found": "Không có khóa API {ref}.",
    "expiry-in-past": "Khóa API không thể hết hạn trước khi được tạo.",
    "expiry-too-far": "Ở đây khóa API chỉ có hiệu lực tối đa {days} ngày.",
    "person-not-active": "{ref} không còn làm việc ở đây nên khóa của người này vô dụng.",
    "api-key-ended": "Khóa API này đã bị thu hồi hoặc hết hạn; hãy tạo khóa mới.",
    "already-rotated": "Khóa API này đã có khóa thay thế {successor_id}; "
    "hãy xoay vòng khóa đó, hoặc thu hồi nó trước.",
    # audit
    "audit-event-not-found": "Không có sự kiện kiểm toán {ref}.",
    # identity
    "invalid-token": "Không chấp nhận token này: {reason}.",
    "token-proves-nothing": "Nhà cung cấp danh tính này sẽ không chấp nhận token đó: {reason}.",
    "unknown-person": "Token hợp lệ, nhưng phải ứng với đúng một nhân sự đang làm việc, "
    "mà không có ai.",
    "issuer-unavailable": "Hiện chưa lấy được khóa của bên phát hành token; xin thử lại sau.",
    "identity-provider-not-found": "Không có nhà cung cấp danh tính {ref}.",
    "keys-not-of-issuer": "`jwks_url` phải nằm dưới địa chỉ `issuer`; bỏ trống thì bên phát hành "
    "tự cho biết khóa ở đâu.",
    "already-proven-elsewhere": "Một nhà cung cấp danh tính khác đã nhận token của bên phát "
    "hành này cho một trong các đối tượng (audience) đó.",
    # organisation
    "unit-not-found": "Không có đơn vị {ref}.",
    "person-not-found": "Không có nhân sự {ref}.",
    "cannot-take-over": "Người tiếp nhận phải còn làm việc và là người khác.",
    "nobody-takes-over": (
        "Không ai còn làm việc phụ trách đơn vị của người này hay đơn vị cấp trên: "
        "hãy nêu người tiếp nhận."
    ),
    "unit-would-loop": "Một đơn vị không thể thuộc chính nó, trực tiếp hay gián tiếp.",
    "units-too-deep": "Đơn vị chỉ được lồng tối đa 32 cấp.",
    "thresholds-out-of-order": "`ahead_from` phải lớn hơn `on_track_from`, "
    "và `on_track_from` lớn hơn `behind_from`.",
    # cycles
    "cycle-not-found": "Không có kỳ {ref}.",
    "cycle-code-taken": "Một kỳ khác đã có mã {cycle_code}.",
    "cycle-closed": "Kỳ {cycle_code} đã đóng; hãy mở lại để thay đổi dữ liệu trong kỳ.",
    "cycle-ends-before-start": "Kỳ không thể kết thúc trước khi bắt đầu.",
    "cycle-outside-parent": "Kỳ phải nằm trong kỳ cấp trên và bao trọn các kỳ cấp dưới.",
    "cycle-would-loop": "Một kỳ không thể thuộc chính nó, trực tiếp hay gián tiếp.",
    "cycles-too-deep": "Kỳ chỉ được lồng tối đa 32 cấp.",
    "date-outside-cycle": "Ngày {given} nằm ngoài kỳ, từ {start_date} đến {end_date}.",
    "cycle-dates-in-use": "Không đổi được ngày của kỳ: có mục tiêu hoặc ngày sẽ nằm ngoài kỳ.",
    # objectives and key results
    "objective-not-found": "Không có mục tiêu {ref}.",
    "key-result-not-found": "Không có kết quả then chốt {ref}.",
    "alignment-would-loop": "Mục tiêu không thể liên kết vào chính nó, trực tiếp hay gián tiếp.",
    "alignment-too-deep": "Mục tiêu chỉ được liên kết tối đa 32 cấp.",
    "cycle-mismatch": "Kỳ của mục tiêu phải nằm trong kỳ của mục tiêu cấp trên.",
    "state-change-not-allowed": "Mục tiêu đang ở trạng thái {present} không thể thành {wanted}.",
    "objective-has-children": "Còn mục tiêu khác liên kết vào đây; hãy chuyển chúng đi trước.",
    "objective-ended": "Mục tiêu đang ở trạng thái {state}; hãy mở lại để cập nhật tiến độ.",
    "target-equals-start": "Chỉ tiêu phải khác giá trị đầu kỳ, nếu không thì không có gì để đo.",
    "target-on-wrong-side": "Chỉ tiêu phải lớn hơn giá trị đầu kỳ khi tăng, nhỏ hơn khi giảm.",
    "figure-required": "Loại chỉ tiêu {metric} cần con số này.",
    "figure-not-used": "Loại chỉ tiêu {metric} không dùng con số này.",
    "target-range-empty": "Cận dưới không được lớn hơn cận trên.",
    "currency-mismatch": "Chỉ khai báo tiền tệ khi và chỉ khi định dạng là `currency`.",
    "plan-dates-repeat": "Mỗi ngày trong kế hoạch chỉ có một giá trị.",
    "objective-fixed": "Kết quả then chốt không chuyển sang mục tiêu khác.",
    "source-mismatch": "Nguồn giá trị `actions` đi cùng loại chỉ tiêu đó; "
    "`children` dành cho các loại còn lại.",
    "aggregate-not-used": "Chỉ khai báo cách tổng hợp khi nguồn giá trị là `children`.",
    "feed-has-no-value": "Kết quả đo bằng hành động không có giá trị để cộng vào kết quả khác.",
    "fed-by-check-ins": "Kết quả then chốt nhận giá trị phải có nguồn giá trị `children`.",
    "feed-unit-mismatch": "Hai kết quả phải cùng đơn vị tính, định dạng và loại tiền.",
    "feed-would-loop": "Kết quả then chốt không thể cộng vào chính nó, trực tiếp hay gián tiếp.",
    "feed-too-deep": "Kết quả then chốt chỉ được cộng dồn tối đa 32 cấp.",
    "key-result-is-fed": "Còn kết quả khác cộng vào đây; hãy chuyển chúng đi trước.",
    # actions
    "action-plan-not-found": "Không có kế hoạch hành động {ref}.",
    "action-not-found": "Không có hành động {ref}.",
    "period-ends-before-start": "Khoảng thời gian không thể kết thúc trước khi bắt đầu.",
    "action-plan-has-actions": "Kế hoạch hành động còn hành động; hãy xóa chúng trước.",
    "key-result-fixed": "Kế hoạch hành động không chuyển sang kết quả then chốt khác.",
    "action-plan-fixed": "Hành động không chuyển sang kế hoạch hành động khác.",
    # check-ins
    "check-in-not-found": "Không có cập nhật tiến độ {ref}.",
    "key-result-has-no-value": "Giá trị lấy từ hành động hoặc kết quả khác; không nhận cập nhật.",
    "observed-in-future": "Thời điểm quan sát không được quá một ngày so với hiện tại.",
    "not-zero-or-one": "Giá trị của kết quả kiểu có/không là 0 hoặc 1.",
    "check-in-differs": "Cập nhật {external_id} đã được ghi trước đây với nội dung khác.",
    "already-voided": "Cập nhật tiến độ này đã bị hủy.",
    "voids-another-key-result": "Chỉ được đính chính cập nhật của cùng một kết quả then chốt.",
    # closing
    "objective-not-in-force": "Chỉ chuyển tiếp được mục tiêu đang thực hiện hoặc đã đóng; "
    "mục tiêu này ở trạng thái {state}.",
    "objective-finished": "Mục tiêu đã hoàn thành; không còn gì để chuyển tiếp.",
    "already-carried-over": "Mục tiêu đã được chuyển tiếp sang kỳ này.",
    "carried-over-to-its-cycle": "Phải chuyển tiếp sang một kỳ khác kỳ của mục tiêu.",
    # questions about the rollup
    "tree-too-large": "Có hơn {limit} mục tiêu; hãy giảm số cấp hoặc số mục tiêu con.",
    "too-many-points": "Có hơn {limit} điểm giữa hai ngày này; hãy chọn bước dài hơn.",
    "ends-before-start": "Ngày cuối nằm trước ngày đầu.",
    # provisioning by SCIM
    "user-name-taken": "Đã có người khác mang tên đăng nhập {user_name}.",
    "department-unknown": "Không có đơn vị nào có mã hay tên {department}.",
    "department-ambiguous": "Nhiều đơn vị cùng tên {department}; hãy gửi mã của một đơn vị.",
    # exports
    "form-not-installed": "Dịch vụ này không ghi được {form}: "
    "nó được cài đặt mà không có phần bổ sung {extra}.",
    # webhooks
    "webhook-not-found": "Không có webhook {ref}.",
    "delivery-not-found": "Không có lượt gửi {ref}.",
    "too-many-webhooks": "Đã có {limit} webhook, số nhiều nhất mà một tập đoàn có thể có.",
    "webhook-disabled": "Webhook đang tắt; hãy bật lại trước.",
    "delivery-waits": "Lượt gửi này chưa xong: nó đang chờ được gửi.",
    # imports of files
    "import-rejected": "Chưa nhập gì cả, vì một số ô không phù hợp.",
    "too-many-cell-errors": "Chưa nhập gì cả; hơn {limit} ô không phù hợp, đây là các ô đầu tiên.",
    "too-many-imports-wait": "Đã có {limit} lượt nhập đang chờ; "
    "hãy gửi lại sau {retry_after} giây, hoặc hủy bớt.",
    "unreadable-table": "Không đọc được tệp kể từ dòng {row}; tệp hỏng hoặc thiếu ở đó.",
    "unknown-encoding": "Dòng {row} không phải UTF-8 mà có vẻ là {encoding}; "
    "hãy lưu tệp dạng CSV UTF-8.",
    "unreadable-workbook": "Bảng tính hỏng hoặc thiếu: không đọc được {part}.",
    "password-protected": "Bảng tính có mật khẩu; hãy lưu lại không mật khẩu.",
    "macro-workbook": "Bảng tính có macro; hãy lưu lại dạng không macro (.xlsx).",
    "other-format": "Đây là {found}, không đúng loại đã gửi; hãy lưu lại dạng {wanted}.",
    "unpacks-too-large": "Bảng tính sau khi giải nén lớn hơn {limit} byte.",
    "too-many-sheet-cells": "Trang {sheet} trải rộng hơn {limit} ô; hãy xóa những ô ở quá xa, "
    "hoặc gửi dạng CSV.",
    "too-many-columns": "Tệp có hơn {limit} cột; xem dòng {row}.",
    "too-many-rows": "Tệp có hơn {limit} dòng.",
    "cell-too-long": "Một ô ở dòng {row} dài hơn {limit} ký tự.",
    "one-file-expected": "Hãy gửi đúng một tệp trong biểu mẫu; đang có {found}.",
    "extra-cells": "Dòng này còn ô sau cột cuối; ô chứa dấu ngăn cách phải đặt trong ngoặc kép.",
    "formula-failed": "Công thức của ô này cho ra {given}.",
    "formula-not-calculated": "Công thức của ô này chưa từng được tính; hãy mở tệp bằng "
    "phần mềm bảng tính rồi lưu lại.",
    "not-plain": "Một ô là văn bản, số, true, false hoặc null, không phải danh sách hay đối tượng.",
    "mixed-dates": "{given} ghi tháng trước, nhưng dòng {other_row} của cột này ghi ngày trước.",
    "import-not-found": "Không có lần nhập {import_id}, hoặc không còn được lưu.",
    "import-ended": "Lần nhập này đã kết thúc; trạng thái: {state}.",
    "no-failed-rows": "Lần nhập này không có dòng hỏng để trả lại, hoặc chưa chạy đến đó.",
    "sender-gone": "Người gửi lần nhập này không còn quyền: thông tin xác thực đã bị thu hồi, "
    "hoặc người đó đã nghỉ.",
    "import-given-up": "Lần nhập này đã bắt đầu {attempts} lần mà chưa lần nào xong; chưa có gì "
    "được ghi.",
    "no-room-for-file": "Dịch vụ không còn chỗ để giữ tệp này; chưa làm gì với nó.",
    "empty-table": "Tệp không có dòng nào dưới tiêu đề.",
    "unknown-column": "Không có cột nào tên là {header}.",
    "column-repeats": "Hai cột có cùng ý nghĩa: {header} và {other}.",
    "column-missing": "Tệp cần có cột {header}.",
    "cell-required": "Ô này không được để trống.",
    "unreadable-number": "{given} không phải là số.",
    "ambiguous-number": "{given} có thể hiểu thành hai số; hãy viết không phân nhóm chữ số.",
    "unreadable-date": "{given} không phải ngày dạng 2026-12-31 hay 31/12/2026.",
    "not-a-choice": "{given} không thuộc: {expected}.",
    "contradicts-row": "Khác với điều dòng {other_row} ghi về cùng một đối tượng.",
    "loop-in-file": "Các dòng khiến đối tượng này thuộc chính nó, trực tiếp hay gián tiếp.",
    "cycle-unknown": "Không có kỳ {given}; tệp phải ghi ngày đầu và ngày cuối của kỳ.",
    "prune-needs-scope": "Muốn dọn phải nêu phạm vi, có ít nhất một đơn vị và một kỳ.",
    "person-left": "{given} không còn làm việc ở đây.",
    "person-ambiguous": "Nhiều người có địa chỉ {given}; hãy ghi mã nhân sự của một người.",
    "depends-on-failed-row": "Đối tượng chứa nó không phù hợp, ở dòng {other_row}.",
    # GraphQL
    "invalid-document": "Tài liệu GraphQL không phù hợp với lược đồ.",
    "missing-document": "Hãy gửi tài liệu trong `query`, hoặc mã của một tài liệu đã lưu.",
    "invalid-parameters": "Tham số: `query`, `operationName`, `variables`, `extensions`.",
    "queries-only": "GET chỉ trả lời truy vấn; hãy gửi thay đổi bằng POST.",
    "batch-not-accepted": "Mỗi yêu cầu chỉ gửi một thao tác.",
    "persisted-query-not-found": "Ở đây chưa biết tài liệu có mã băm này; hãy gửi kèm nội dung.",
    "document-not-trusted": "Chỉ trả lời các tài liệu đã biết; đây không phải một trong số đó.",
    "introspection-off": "Ở đây không hỏi được lược đồ.",
    "too-deep": "Thao tác lồng sâu {depth} cấp; cho phép {limit}.",
    "too-many-aliases": "Thao tác có {aliases} bí danh; cho phép {limit}.",
    "too-many-tokens": "Tài liệu có hơn {limit} từ tố.",
    "too-costly": "Thao tác có thể trả về {cost} nút; cho phép {limit}. Hãy giảm `first`.",
    "first-out-of-range": "`first` là {given}; phải từ 1 đến {limit}.",
    "too-many-ids": "Có {given} mã; cho phép {limit}.",
    "expects-json": "Hãy gửi yêu cầu dưới dạng application/json.",
    "not-acceptable-here": "Chỉ trả lời application/graphql-response+json hay application/json.",
    "followed-by-streams": "Theo dõi được trả lời bằng text/event-stream hay qua WebSocket.",
    "too-many-subscriptions": "Kết nối này đã có {limit} thao tác.",
    "too-many-connections": "Đã có {limit} kết nối theo dõi; hãy thử lại sau {retry_after} giây.",
    # metric feeds
    "metric-feed-not-found": "Không có nguồn số liệu {ref}.",
    "feed-mapping-not-found": "Không có ánh xạ {ref} của nguồn số liệu.",
    "feed-reading-not-found": "Không có số đọc {ref} của nguồn số liệu.",
    "key-result-mapped": "Kết quả then chốt này đã lấy giá trị từ một ánh xạ khác.",
    "feed-mapping-fixed": "Ánh xạ không đổi nguồn số liệu hay kết quả then chốt; "
    "hãy xóa rồi tạo ánh xạ khác.",
    "too-many-values-change": "Việc này làm thay đổi hơn {limit} giá trị cùng lúc; "
    "hãy gửi ít số đọc hơn mỗi lần.",
    # events
    "events-forgotten": "Những gì xảy ra sau con trỏ này không còn được lưu; hãy đọc lại toàn bộ "
    "rồi tiếp tục từ hiện tại.",
    "cursor-of-another-feed": "Dòng sự kiện không có điều mà con trỏ này trỏ tới: nó đã được "
    "khôi phục từ một bản sao; hãy đọc lại toàn bộ.",
    # calendars
    "calendar-not-found": "Không có lịch ở địa chỉ này, hoặc không còn nữa.",
    "no-calendar-of": "{ref} không có lịch để theo dõi.",
    "calendar-of-nobody": "{ref} không còn làm việc ở đây nên lịch của họ sẽ trống.",
}
