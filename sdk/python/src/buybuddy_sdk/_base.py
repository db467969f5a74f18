"""What every model of the API is."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A document of the API; fields that this client has never heard of are left out."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)
