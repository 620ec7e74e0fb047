"""What the made-up group does about its figures: solutions and their steps, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Solution:
    """An action plan: what is chosen, what it is to bring, in which steps."""

    title: str
    expected_result: str
    steps: tuple[str, ...]


_SELLING = (
    Solution(
        "Chăm sóc lại nhóm khách hàng ngừng mua",
        "Ít nhất một phần ba khách hàng ngừng mua đặt hàng trở lại.",
        (
            "Lọc danh sách khách ngừng mua trên 60 ngày",
            "Gọi điện và hẹn gặp từng khách",
            "Chốt chính sách quay lại và theo dõi đơn đầu tiên",
        ),
    ),
    Solution(
        "Chương trình khuyến mại theo tháng",
        "Doanh số tháng tăng 8 % so với cùng kỳ.",
        (
            "Trình ngân sách khuyến mại",
            "In ấn và giao vật phẩm cho điểm bán",
            "Tập huấn nhân viên bán hàng",
            "Tổng kết và thanh toán thưởng",
        ),
    ),
)
_MAKING = (
    Solution(
        "Khắc phục các điểm nghẽn trong ca sản xuất",
        "Giảm một phần tư thời gian chờ giữa các công đoạn.",
        (
            "Đo thời gian từng công đoạn trong ba ca",
            "Bố trí lại nhân lực tại điểm nghẽn",
            "Chuẩn hóa bảng công việc tại vị trí",
        ),
    ),
    Solution(
        "Bảo trì dự phòng thiết bị chính",
        "Không có sự cố dừng quá hai giờ trong tháng.",
        (
            "Kiểm tra rung và nhiệt của ổ trục",
            "Mua phụ tùng thay thế đến hạn",
            "Dừng máy theo lịch và thay thế",
            "Chạy thử có tải và nghiệm thu",
        ),
    ),
)
_FINANCE = (
    Solution(
        "Đối chiếu và thu hồi công nợ",
        "Thu được 70 % công nợ quá hạn trong tháng.",
        (
            "Gửi biên bản đối chiếu công nợ",
            "Làm việc với mười khách nợ lớn nhất",
            "Trình phương án xử lý nợ khó đòi",
        ),
    ),
)
_PEOPLE = (
    Solution(
        "Đào tạo tại chỗ theo kèm cặp",
        "Mỗi người học hoàn thành bài kiểm tra tay nghề.",
        (
            "Chọn người kèm cặp và lập danh sách học viên",
            "Soạn tài liệu thao tác chuẩn",
            "Tổ chức kiểm tra cuối khóa",
        ),
    ),
)
_ENGINEERING = (
    Solution(
        "Thử nghiệm và chốt phương án kỹ thuật",
        "Có một phương án đủ điều kiện áp dụng đại trà.",
        (
            "Lập kế hoạch thử nghiệm",
            "Chạy thử ba lần và ghi số liệu",
            "Báo cáo hội đồng kỹ thuật",
        ),
    ),
)
_LEADING = (
    Solution(
        "Rà soát tiến độ và gỡ vướng liên phòng ban",
        "Mọi vướng mắc có người chịu trách nhiệm và hạn xử lý.",
        (
            "Họp rà soát với trưởng các phòng",
            "Giao việc và hạn xử lý từng vướng mắc",
            "Báo cáo kết quả lên tập đoàn",
        ),
    ),
)

# By the end of a unit's code; what is not here leads others.
BY_DEPARTMENT = {
    **dict.fromkeys(("KD", "TT", "DV"), _SELLING),
    **dict.fromkeys(("SX", "KV", "TR", "CN"), _MAKING),
    "TC": _FINANCE,
    "NS": _PEOPLE,
    **dict.fromkeys(("KT", "CL"), _ENGINEERING),
}
OTHERWISE = _LEADING
