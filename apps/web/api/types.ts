import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["User"];
export type Video = Schemas["Video"];
export type VideoStatus = Video["status"];
export type UploadAnswer = Schemas["UploadAnswer"];
export type ProductRow = Schemas["ProductRow"];
export type Product = Schemas["Product"];
export type ProductEdit = Schemas["ProductEdit"];
export type ProductStatus = ProductRow["status"];
export type ProductImage = Schemas["ImageRow"];
export type Frames = Schemas["Frames"];
export type FrameQuality = Schemas["FrameQuality"];
export type SearchAnswer = Schemas["SearchAnswer"];
export type SearchHit = Schemas["SearchHit"];
export type Job = Schemas["Job"];
export type JobType = Job["type"];
export type JobStatus = Job["status"];
export type JobLog = Schemas["JobLog"];
export type Activity = Schemas["Activity"];

export const VIDEO_STATUSES = [
  "pending",
  "processing",
  "completed",
  "failed",
] as const satisfies VideoStatus[];
export const PRODUCT_STATUSES = [
  "pending",
  "processing",
  "needs_matching",
  "ready",
  "rejected",
] as const satisfies ProductStatus[];
export const JOB_STATUSES = [
  "pending",
  "queued",
  "processing",
  "completed",
  "failed",
  "cancelled",
] as const satisfies JobStatus[];
export const JOB_TYPES = [
  "video_processing",
  "augmentation",
  "training",
  "embedding_extraction",
  "matching",
] as const satisfies JobType[];

export const isRunning = (job: Job) =>
  job.status === "pending" || job.status === "queued" || job.status === "processing";
