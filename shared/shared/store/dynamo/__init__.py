"""The store in DynamoDB: AWS itself, or DynamoDB Local."""

from shared.store.dynamo.store import DynamoStore

__all__ = ["DynamoStore"]
