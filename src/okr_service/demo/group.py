"""The made-up group as plain data: its companies, and the names and words it uses."""

from okr_service.demo.brick import BRICK
from okr_service.demo.farming import FARMING
from okr_service.demo.headquarters import HEADQUARTERS
from okr_service.demo.highlands import HIGHLANDS
from okr_service.demo.motorbikes import MOTORBIKES
from okr_service.demo.steel import STEEL
from okr_service.objectives.shapes import Confidence

TOP = HEADQUARTERS
GROUP = (TOP, BRICK, STEEL, MOTORBIKES, HIGHLANDS, FARMING)
EMAIL_DOMAIN = "anvanlinh.example"  # reserved by RFC 2606: it can belong to nobody

SURNAMES = (
    *("Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Trần", "Lê", "Lê", "Phạm", "Hoàng", "Huỳnh"),
    *("Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Đoàn", "Trịnh"),
)
MENS_NAMES = (
    *("Văn Hùng", "Đức Anh", "Quốc Bảo", "Minh Tuấn", "Hữu Phước", "Thanh Tùng", "Công Danh"),
    *("Xuân Trường", "Anh Khoa", "Trọng Nghĩa", "Quang Huy", "Đình Long", "Ngọc Sơn"),
    *("Tấn Lộc", "Hoàng Nam", "Bá Thành", "Gia Khánh", "Thế Vinh", "Văn Lâm", "Chí Công"),
)
WOMENS_NAMES = (
    *("Thị Mai", "Thu Hà", "Ngọc Lan", "Thị Hồng Nhung", "Bích Ngọc", "Thanh Thảo"),
    *("Phương Linh", "Kim Chi", "Thùy Dương", "Mỹ Duyên", "Thị Thu Trang", "Hải Yến"),
    *("Minh Nguyệt", "Khánh Vy", "Diệu Hiền", "Cẩm Tú", "Thị Ngọc Ánh", "Quỳnh Như"),
)
DEPUTY = "Phó Tổng Giám đốc"
HEAD = "Trưởng đơn vị"
JOBS = {
    "KD": ("Chuyên viên kinh doanh", "Quản lý vùng bán hàng"),
    "SX": ("Quản đốc phân xưởng", "Kỹ sư điều độ sản xuất"),
    "KT": ("Kỹ sư nghiên cứu", "Kỹ sư chất lượng"),
    "TC": ("Kế toán tổng hợp", "Chuyên viên kế hoạch"),
    "NS": ("Chuyên viên tuyển dụng", "Chuyên viên đào tạo"),
    "CL": ("Chuyên viên chiến lược", "Kỹ sư dữ liệu"),
    "DV": ("Cố vấn dịch vụ", "Tổ trưởng kỹ thuật viên"),
    "TT": ("Chuyên viên tiếp thị số", "Chuyên viên truyền thông"),
    "KV": ("Điều phối vận tải", "Thủ kho"),
    "TR": ("Kỹ sư nông học", "Tổ trưởng tổ vườn"),
    "CN": ("Bác sĩ thú y", "Tổ trưởng tổ chăn nuôi"),
}

# A figure of the group that is the sum of its companies'.
SUMMED = "MT-AVL-01/KR1"
SUMMANDS = (
    "MT-GACH-01/KR1",
    "MT-THEP-01/KR1",
    "MT-XEMAY-01/KR2",
    "MT-TN-01/KR1",
    "MT-NONG-01/KR1",
)

# Hundredths of a year's figures: quiet around Tết, busy towards the end.
SEASON = (6, 5, 8, 9, 9, 8, 8, 8, 9, 10, 10, 10)

ADDED_UP = (
    "Lũy kế {value}, đạt {percent} % mục tiêu.",
    "Đến nay đạt {value} ({percent} %).",
    "Tuần này tiếp tục tăng, lũy kế {value}.",
)
AT_LEVEL = (
    "Hiện ở mức {value}, mục tiêu {target}.",
    "Số liệu tuần: {value}.",
    "Đo tại kỳ báo cáo: {value} so với mục tiêu {target}.",
)
DONE, NOT_DONE = "Đã hoàn thành, đang lưu hồ sơ.", "Đang thực hiện theo kế hoạch."
CORRECTION = "Đính chính: lần báo cáo trước nhập thừa một chữ số 0."
OBSTACLES = {
    Confidence.ON_TRACK: (
        "Chưa có trở ngại lớn, cần theo dõi giá đầu vào.",
        "Một số khách hàng xin lùi lịch giao.",
    ),
    Confidence.AT_RISK: (
        "Giá nguyên liệu đầu vào tăng nhanh hơn dự kiến.",
        "Thiếu nhân sự ca tối, phải điều người từ bộ phận khác.",
        "Nhà cung cấp giao chậm một tuần.",
        "Thời tiết mưa kéo dài làm chậm thi công và giao hàng.",
    ),
    Confidence.OFF_TRACK: (
        "Đối thủ giảm giá sâu tại hai tỉnh trọng điểm.",
        "Thiết bị chính hỏng, chờ linh kiện thay thế.",
        "Thủ tục phê duyệt kéo dài quá kế hoạch.",
    ),
}
NEXT_STEPS = {
    Confidence.ON_TRACK: (
        "Giữ nhịp hiện tại, rà soát lại vào tuần sau.",
        "Nhân rộng cách làm sang đơn vị bạn.",
    ),
    Confidence.AT_RISK: (
        "Họp với các bên liên quan để gỡ vướng trong tuần.",
        "Bổ sung nhân sự và chia lại chỉ tiêu theo từng tổ.",
        "Đàm phán lại đơn giá với nhà cung cấp.",
    ),
    Confidence.OFF_TRACK: (
        "Trình phương án bù chỉ tiêu lên ban giám đốc.",
        "Thuê ngoài một phần công việc, làm thêm ca cuối tuần.",
    ),
}
