"""What routes that add images ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Request

from buybuddy.domain.products.images.adding import FollowImages


async def get_follow_images(request: Request) -> FollowImages:
    follow: FollowImages = request.app.state.follow_images
    return follow


FollowImagesDep = Annotated[FollowImages, Depends(get_follow_images)]
