/** What the service takes and answers, by the types of its OpenAPI document. */
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type JsonOf<Operation, Status extends number> = Operation extends {
  responses: Record<Status, { content: { "application/json": infer Body } }>;
}
  ? Body
  : never;

export type ChangedVote = Schemas["ChangedVote"];
export type Vote = Schemas["OwnVote"];
export type TargetStatus = Schemas["TargetStatus"];
export type Counts = Schemas["Counts"];
export type Me = Schemas["Caller"];
export type Voter = Schemas["Voter"];
export type VoteOn = Schemas["ListedVote"];
export type ToggledVote = Schemas["QaVote"];
export type Like = Schemas["Like"];
export type Content = Schemas["Target"];
export type Person = Schemas["Person"];
export type User = Schemas["User"];
export type Session = Schemas["MadeSession"];
export type Token = Schemas["MadeToken"];
export type AuditLine = Schemas["AuditLine"];
export type VotersPage = JsonOf<paths["/api/targets/{type}/{id}/voters"]["get"], 200>;
export type VotesPage = JsonOf<paths["/api/me/votes"]["get"], 200>;

export type TargetType = TargetStatus["type"];
export type Value = Vote["vote"];
export type Direction = "up" | "down";
/** What is voted on. */
export interface Target {
  type: TargetType;
  id: string;
}
export type Fields<Shown> = Partial<Omit<Shown, "type" | "id" | "guid" | "upvotes" | "downvotes">>;
/** A line that was not imported, by its number from 1. */
export interface BadLine {
  line: number;
  error: string;
}
export interface Imported {
  imported: number;
  failed: BadLine[];
}
