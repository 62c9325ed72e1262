"use client";

import {
  ApiError,
  type components,
  idempotencyKey,
  ifMatch,
  type Reservation,
  unwrap,
} from "@reservepty/client";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "./reservepty";
import { useCalendar } from "./use-calendar";

const STATES = {
  connecting: "Connecting …",
  live: "Live",
  catching_up: "Catching up …",
  offline: "Offline: what you see may be old",
  closed: "Closed",
};

export function CalendarView(props: { organizationId: string; from: string; to: string }) {
  const { snapshot, state, error } = useCalendar(props.organizationId, props.from, props.to);
  if (error instanceof ApiError) return <p role="alert">{error.message}</p>;
  const bookings = [...(snapshot?.reservations.values() ?? [])];
  bookings.sort((a, b) => a.start_date.localeCompare(b.start_date));
  return (
    <section aria-busy={state === "connecting"}>
      <p role="status">{STATES[state]}</p>
      <ul>
        {bookings.map((booking) => (
          <li key={booking.id}>
            {booking.title} ({booking.status}) <Later booking={booking} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Moves a booking by an hour. The calendar shows it when the stream brings it. */
function Later({ booking }: { booking: Reservation }) {
  const move = useMutation({
    mutationFn: async (version: number) => {
      const hour = (time: string) => new Date(Date.parse(time) + 3_600_000).toISOString();
      const params = { path: { id: booking.id }, header: ifMatch(version) };
      const body = { start_date: hour(booking.start_date), end_date: hour(booking.end_date) };
      return unwrap(await api.PATCH("/api/v1/reservations/{id}", { params, body }));
    },
  });
  const current = move.error instanceof ApiError ? move.error.current() : undefined;
  return (
    <>
      <button type="button" disabled={move.isPending} onClick={() => move.mutate(booking.version)}>
        An hour later
      </button>
      {move.error && <span role="alert">{move.error.message}</span>}
      {current && <span>It begins at {current.start_date} now.</span>}
    </>
  );
}

type Wish = components["schemas"]["ReservationCreate"];

/** Books what is wished for, and offers what is free instead where it is taken. */
export function Book({ wish }: { wish: Wish }) {
  // One key for one intention: sent again after a lost answer, it books once.
  const [header] = useState(() => idempotencyKey());
  const book = useMutation({
    mutationFn: async () =>
      unwrap(await api.POST("/api/v1/reservations", { params: { header }, body: wish })),
  });
  const refused = book.error instanceof ApiError ? book.error : undefined;
  return (
    <>
      <button type="button" disabled={book.isPending} onClick={() => book.mutate()}>
        Book
      </button>
      {refused && <p role="alert">{refused.message}</p>}
      {refused?.violations.map((violation) => (
        <p key={violation.ruleId ?? violation.code}>{violation.message}</p>
      ))}
      {refused?.alternatives.map((free) => (
        <p key={free.start_date}>
          Free from {free.start_date} to {free.end_date}
        </p>
      ))}
    </>
  );
}
