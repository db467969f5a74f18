"""What the platform stands on: database, storage, queue, executors, HTTP. It knows no product and no photo."""
