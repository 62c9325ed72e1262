"use client";

import { type Calendar, type CalendarSnapshot, type CalendarState, openCalendar } from "@reservepty/client";
import { skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { connection } from "./reservepty";

const calendarKey = (organizationId: string, from: string, to: string) =>
  ["calendar", organizationId, from, to] as const;

/** The calendar between `from` and `to`, kept up to date for as long as the component is there. */
export function useCalendar(organizationId: string, from: string, to: string) {
  const queryClient = useQueryClient();
  const calendar = useRef<Calendar | null>(null);
  // Where the stream begins; later windows are set on the open calendar.
  const first = useRef({ from, to });
  const [state, setState] = useState<CalendarState>("connecting");
  const [error, setError] = useState<unknown>();

  useEffect(() => {
    const opened = openCalendar({ ...connection, organizationId, ...first.current });
    calendar.current = opened;
    // Of the organization before.
    setState(opened.state);
    setError(undefined);
    const show = (snapshot: CalendarSnapshot) =>
      queryClient.setQueryData(calendarKey(organizationId, snapshot.from, snapshot.to), snapshot);
    const leave = opened.subscribe((update) => {
      switch (update.kind) {
        case "snapshot":
          show(update.snapshot);
          // Not only bookings: what I may see may be another.
          if (update.reason === "reset")
            void queryClient.invalidateQueries({ queryKey: ["organization", organizationId] });
          break;
        case "change":
          show(update.snapshot);
          if ("reservation" in update.change) {
            const id = (update.change.reservation ?? update.change.previousState)?.id;
            void queryClient.invalidateQueries({
              queryKey: ["organization", organizationId, "reservation", id],
            });
          }
          break;
        case "state":
          setState(update.state);
          break;
        case "error":
          if (update.fatal) setError(update.error);
      }
    });
    return () => {
      leave();
      opened.close();
    };
  }, [queryClient, organizationId]);

  useEffect(() => {
    first.current = { from, to };
    const opened = calendar.current;
    // What closed the calendar stays to be read.
    const shown = () => opened?.state !== "closed" && setError(undefined);
    opened?.setWindow(from, to).then(shown, setError);
  }, [from, to]);

  const { data: snapshot } = useQuery<CalendarSnapshot>({
    queryKey: calendarKey(organizationId, from, to),
    // The stream brings it.
    queryFn: skipToken,
    staleTime: Number.POSITIVE_INFINITY,
    // Maps are compared by identity: each change makes another one.
    structuralSharing: false,
  });
  return { snapshot, state, error };
}
