"""Carrying a soft mask from one picture to another along the optical flow."""

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


class MaskCarrier:
    """DIS optical flow with its buffers; not safe to share between threads."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def flow(self, target_grey: UInt8Array, source_grey: UInt8Array) -> FloatArray:
        """Return for each pixel of the target where it was in the source.

        Args:
            target_grey, source_grey: (H, W) uint8 luma of one size.
        Returns: (H, W, 2) float32, (x, y) offsets in pixels. Source: DIS, Kroeger et al., ECCV 2016.
        """
        start = np.zeros((*target_grey.shape, 2), dtype=np.float32)
        return np.asarray(self._dis.calc(target_grey, source_grey, start), dtype=np.float32)

    def carry(
        self, target_grey: UInt8Array, source_grey: UInt8Array, source_alpha: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Bring a source's soft mask to the target.

        Args:
            target_grey, source_grey: (H, W) uint8 luma.
            source_alpha: (H, W) float32 in [0, 1].
        Returns: alpha (H, W) float32 in the target; error (H, W) float32, absolute difference of luma that the flow
            leaves, in grey levels.
        """
        flow = self.flow(target_grey, source_grey)
        height, width = target_grey.shape
        grid_x, grid_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        map_x, map_y = grid_x + flow[..., 0], grid_y + flow[..., 1]
        alpha = cv2.remap(source_alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        warped = cv2.remap(source_grey, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        error = cv2.blur(cv2.absdiff(warped, target_grey), (5, 5))
        return np.asarray(alpha, dtype=np.float32), np.asarray(error, dtype=np.float32)
