"""The group's own goals, which all others support."""

from okr_service.demo.sketch import (
    Company,
    Goal,
    at_least,
    at_most,
    between,
    down,
    reached,
    steps,
    up,
)

HEADQUARTERS = Company(
    "AVL",
    "Tập đoàn An Vân Lĩnh",
    "Tổng Giám đốc",
    {
        "TC": "Ban Tài chính – Kế toán",
        "NS": "Ban Nhân sự",
        "CL": "Ban Chiến lược & Chuyển đổi số",
    },
    (
        Goal(
            "AVL-01",
            "AVL",
            "Tăng trưởng bền vững, giữ vững vị thế dẫn đầu tại miền Trung – Tây Nguyên",
            (
                up("Doanh thu hợp nhất", "VND", 0, 7_755_000_000_000, 4),
                up("Lợi nhuận sau thuế hợp nhất", "VND", 0, 610_000_000_000, 3),
                up("Thị phần bình quân các ngành hàng chính", "%", "21.5", 25, 2),
            ),
            weight=4,
            tags=("tăng trưởng", "trọng điểm"),
        ),
        Goal(
            "AVL-02",
            "AVL",
            "Nâng cao hiệu quả vận hành toàn tập đoàn",
            (
                down("Chi phí bán hàng và quản lý trên doanh thu", "%", "13.8", "11.5", 3),
                down("Số ngày tồn kho bình quân", "ngày", 68, 52, 2),
                between("Hệ số nợ trên vốn chủ sở hữu", "lần", "0.9", "1.3"),
            ),
            weight=3,
            tags=("hiệu quả",),
        ),
        Goal(
            "AVL-03",
            "AVL",
            "Xây dựng đội ngũ gắn kết, nơi làm việc an toàn",
            (
                at_most("Tỷ lệ nghỉ việc lũy kế", "%", 9, 2),
                up("Chỉ số gắn kết nhân viên", "điểm", 71, 80, 2),
                at_most("Tai nạn lao động nặng", "vụ", 0, 3),
            ),
            weight=2,
            tags=("con người", "an toàn"),
        ),
        Goal(
            "AVL-04",
            "AVL",
            "Chuyển đổi số trên mọi lĩnh vực kinh doanh",
            (
                steps("Triển khai hệ thống ERP cho năm công ty thành viên", 3),
                up("Tỷ lệ chứng từ được xử lý điện tử", "%", 45, 90, 2),
                reached("Ban hành kiến trúc dữ liệu dùng chung"),
            ),
            weight=2,
            stretch=True,
            tags=("chuyển đổi số",),
        ),
        Goal(
            "AVL-TC-01",
            "AVL-TC",
            "Bảo đảm dòng tiền và nguồn vốn cho kế hoạch đầu tư",
            (
                up("Dòng tiền thuần từ hoạt động kinh doanh", "VND", 0, 720_000_000_000, 3),
                down("Chi phí lãi vay bình quân", "%", "8.4", "7.2", 2),
                at_least("Báo cáo hợp nhất phát hành đúng hạn", "%", 95),
            ),
            under="AVL-02",
            weight=2,
            tags=("tài chính",),
        ),
        Goal(
            "AVL-NS-01",
            "AVL-NS",
            "Phát triển đội ngũ kế cận cho các công ty thành viên",
            (
                up("Cán bộ nguồn hoàn thành chương trình lãnh đạo", "người", 0, 45, 2),
                up("Giờ đào tạo bình quân mỗi nhân viên", "giờ", 0, 32),
                steps("Xây dựng khung năng lực cho 60 vị trí chủ chốt"),
            ),
            under="AVL-03",
            weight=2,
            tags=("con người", "đào tạo"),
        ),
        Goal(
            "AVL-CL-01",
            "AVL-CL",
            "Vận hành trung tâm dữ liệu dùng chung",
            (
                at_least("Thời gian hoạt động của hệ thống", "%", "99.5", 2),
                up("Báo cáo quản trị tự động", "báo cáo", 0, 36, 2),
                reached("Đạt đánh giá an toàn thông tin cấp độ 3"),
            ),
            under="AVL-04",
            personal=True,
            tags=("chuyển đổi số", "dữ liệu"),
        ),
        Goal(
            "AVL-CL-02",
            "AVL-CL",
            "Nghiên cứu mở rộng sang vật liệu xây dựng xanh",
            (
                reached("Hoàn thành báo cáo tiền khả thi", 2),
                up("Đối tác công nghệ ký ghi nhớ", "đối tác", 0, 3),
            ),
            under="AVL-01",
            weight=0,
            stretch=True,
            state="draft",
            tags=("nghiên cứu",),
        ),
    ),
)
