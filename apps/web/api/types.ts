import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["UserOut"];
export type Video = Schemas["VideoOut"];
export type VideoStatus = Video["status"];
export type UploadAnswer = Schemas["UploadOut"];
export type ProductRow = Schemas["ProductRow"];
export type Product = Schemas["ProductOut"];
export type ProductEdit = Schemas["ProductEdit"];
export type ProductStatus = ProductRow["status"];
export type ProductImage = Schemas["ImageOut"];
export type SearchAnswer = Schemas["SearchOut"];
export type SearchHit = Schemas["SearchResult"];
export type Job = Schemas["JobOut"];
export type JobType = Job["type"];
export type JobStatus = Job["status"];
export type JobLog = Schemas["JobLogOut"];
export type Activity = Schemas["ActivityOut"];
export type Candidate = Schemas["CandidateOut"];
export type MatchDecision = Schemas["DecisionOut"];
export type Decision = MatchDecision["decision"];
export type Decided = Schemas["DecidedOut"];
export type Suggestion = Schemas["SuggestionOut"];
export type QueueItem = Schemas["QueueRow"];
export type Photo = Schemas["PhotoOut"];
export type PhotoStatus = Photo["status"];
export type PhotosTaken = Schemas["PhotosTakenOut"];
export type Notification = Schemas["NotificationOut"];
export type Lock = Schemas["LockOut"];
export type LockAnswer = Schemas["LockAnswer"];

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
export const PHOTO_STATUSES = ["unassigned", "assigned", "discarded"] as const satisfies PhotoStatus[];
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
  "catalogue_change",
] as const satisfies JobType[];

export const isRunning = (job: Job) =>
  job.status === "pending" || job.status === "queued" || job.status === "processing";

/** From start to end of a job that has ended. */
export const spentSeconds = (job: Job) =>
  job.started_at && job.completed_at
    ? (Date.parse(job.completed_at) - Date.parse(job.started_at)) / 1000
    : null;
