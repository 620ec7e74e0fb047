"""What a template says of each column: in Vietnamese and in English."""

NOTES: dict[str, tuple[str, str]] = {
    "unit": ("Mã đơn vị chịu trách nhiệm; mã mới sẽ được tạo.", "Code; a new one is created."),
    "unit_name": ("Chỉ cần cho đơn vị mới.", "Only for a new unit."),
    "unit_kind": ("Chọn trong danh sách.", "Choose from the list."),
    "parent_unit": ("Mã đơn vị cấp trên.", "Code of the unit above."),
    "cycle": ("2026, 2026-Q3, 2026-09 hoặc mã riêng.", "2026, 2026-Q3, 2026-09 or your own."),
    "cycle_start": ("Chỉ cần cho kỳ có mã riêng.", "Only for a cycle with a code of your own."),
    "cycle_end": ("Chỉ cần cho kỳ có mã riêng.", "Only for a cycle with a code of your own."),
    "objective": (
        "Bắt buộc. Để trống ở các dòng dưới nếu cùng mục tiêu.",
        "Required. Leave it empty below while the objective is the same.",
    ),
    "objective_title": ("Ghi một lần cho mỗi mục tiêu.", "Once for each objective."),
    "parent_objective": ("Mã mục tiêu mà mục tiêu này đóng góp.", "Code of what it supports."),
    "objective_weight": ("Từ 0; 0 là không tính.", "From 0; 0 does not count."),
    "objective_owner": ("Họ tên (mã), mã hoặc email.", "Name (code), code or e-mail."),
    "ambition": ("Cam kết hoặc Kỳ vọng.", "Committed or aspirational."),
    "key_result": ("Duy nhất trong mục tiêu: KR1, KR2…", "Unique in the objective: KR1, KR2…"),
    "key_result_title": ("Ghi một lần cho mỗi KR.", "Once for each key result."),
    "metric": ("Chọn trong danh sách.", "Choose from the list."),
    "unit_of_measure": (
        "%, viên, tỷ đồng… Các số trong dòng tính theo đơn vị này: 120 tỷ đồng thì ghi 120.",
        "%, tấn, tỷ đồng… The row's figures are in it: 120 billion in billions is 120.",
    ),
    "start": ("Giá trị lúc bắt đầu.", "The value to begin with."),
    "target": ("Giá trị cần đạt.", "The value to reach."),
    "target_max": ("Chỉ cho loại Trong khoảng.", "Only for the metric between."),
    "current": ("Số mới nhất; không đổi thì không ghi nhận lại.", "The latest figure."),
    "key_result_weight": ("Từ 0; mặc định 1.", "From 0; 1 if empty."),
    "owner": ("Họ tên (mã), mã hoặc email.", "Name (code), code or e-mail."),
    "due": ("Ngày/tháng/năm.", "As a date, the day first if typed as text."),
    "action": ("Mỗi giải pháp một dòng.", "One row for each action."),
    "action_owner": ("Họ tên (mã), mã hoặc email.", "Name (code), code or e-mail."),
    "action_due": ("Ngày/tháng/năm.", "As a date, the day first if typed as text."),
    "action_state": ("Chọn trong danh sách.", "Choose from the list."),
    "action_weight": ("Từ 0; mặc định 1.", "From 0; 1 if empty."),
    "note": ("Ghi chú cho dòng này.", "A note on the row."),
}
MONTH_NOTE = ("Mức kế hoạch đến cuối tháng.", "The planned value at the month's end.")
CHOICES: dict[str, tuple[list[str], list[str]]] = {
    "unit_kind": (
        ["Tập đoàn", "Công ty", "Phòng ban", "Nhóm"],
        ["group", "company", "department", "team"],
    ),
    "ambition": (["Cam kết", "Kỳ vọng"], ["committed", "aspirational"]),
    "metric": (
        ["Tăng", "Giảm", "Tối thiểu", "Tối đa", "Trong khoảng", "Có/Không", "Hành động"],
        ["increase", "decrease", "at_least", "at_most", "between", "boolean", "actions"],
    ),
    "action_state": (
        ["Chưa làm", "Đang làm", "Hoàn thành", "Hủy"],
        ["todo", "doing", "done", "cancelled"],
    ),
}
SHEETS = {"vi": ("Kế hoạch", "Danh mục"), "en": ("Plan", "Lists")}
TITLES = {"vi": "Kế hoạch mục tiêu và kết quả then chốt", "en": "Objectives and key results"}
EXAMPLE: list[dict[str, tuple[object, object] | object]] = [
    {
        "unit": "GACH",
        "unit_name": ("Công ty Gạch", "Brick company"),
        "unit_kind": ("Công ty", "company"),
        "parent_unit": "TD",
        "cycle": 2026,
        "objective": "MT-GACH-01",
        "objective_title": ("Dẫn đầu thị trường gạch ốp lát", "Lead the market for tiles"),
        "parent_objective": "MT-TD-01",
        "objective_weight": 2,
        "ambition": ("Cam kết", "committed"),
        "key_result": "KR1",
        "key_result_title": ("Doanh thu gạch ốp lát", "Revenue from tiles"),
        "metric": ("Tăng", "increase"),
        "unit_of_measure": ("tỷ đồng", "billion VND"),
        "start": 0,
        "target": 120,
        "current": 35.5,
        "key_result_weight": 3,
        **{f"T{month}": month * 10 for month in range(1, 13)},
    },
    {
        "key_result": "KR2",
        "key_result_title": ("Tỷ lệ khách hàng quay lại", "Returning customers"),
        "metric": ("Tối thiểu", "at_least"),
        "unit_of_measure": "%",
        "target": 60,
        "current": 48,
        "key_result_weight": 1,
    },
    {
        "key_result": "KR3",
        "key_result_title": ("Mở đại lý miền Trung", "Open dealers in the centre"),
        "metric": ("Hành động", "actions"),
        "key_result_weight": 1,
        "action": ("Chọn địa điểm", "Choose the places"),
        "action_state": ("Hoàn thành", "done"),
    },
    {
        "action": ("Ký hợp đồng thuê", "Sign the leases"),
        "action_state": ("Đang làm", "doing"),
    },
]
